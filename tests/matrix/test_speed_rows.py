from __future__ import annotations

import copy

import pytest

from envdoctor.matrix.load import checked, load_matrix
from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.rows import MatrixError


@pytest.mark.parametrize(
    ("name", "gpu", "bf16", "memory"),
    [
        ("NVIDIA H200", "H200 SXM 141GB", 989, 4800),
        ("NVIDIA H100 80GB HBM3", "H100 SXM5 80GB", 989, 3350),
        ("NVIDIA H100 PCIe", "H100 PCIe 80GB", 756, 2000),
        ("NVIDIA A100-SXM4-40GB", "A100 SXM4 40GB", 312, 1555),
        ("A100-SXM4-40GB", "A100 SXM4 40GB", 312, 1555),
        ("NVIDIA A100 80GB PCIe", "A100 PCIe 80GB", 312, 1935),
        ("NVIDIA GH200 480GB", "GH200 96GB", 989, 4000),
        ("NVIDIA B300 SXM6 AC", "B300 SXM", 2250, 8000),
    ],
)
def test_a_board_is_known_by_what_nvml_calls_it(matrix, name, gpu, bf16, memory):
    peak = matrix.peak(name)
    assert (peak.gpu, peak.tflops["bf16"], peak.memory) == (gpu, bf16, memory)
    assert matrix.source(peak.source).date <= matrix.revision


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA H100",  # PCIe, SXM or NVL
        "NVIDIA H100 NVL",
        "NVIDIA H200 NVL",
        "NVIDIA A100",
        "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
        "GRID A100-40C",
        "NVIDIA L40",
        "NVIDIA GeForce RTX 4090",  # no figure of it was read
        "nvidia",
        "",
    ],
)
def test_a_name_that_may_be_another_board_has_no_figures(matrix, name):
    assert matrix.peak(name) is None


def test_no_figure_is_remembered(matrix):
    assert {peak.certainty for peak in matrix.peaks} <= {"verified", "sourced"}


def test_a_file_without_the_table_is_a_matrix_too(matrix):
    document = copy.deepcopy(matrix.root.cells)
    del document["peaks"], document["sources"]["ml-engineering"]
    assert checked(Matrix(document, "less.toml")).peak("NVIDIA H200") is None


def test_an_organisation_lays_its_own_figures_over_ours(matrix, tmp_path):
    file = tmp_path / "ours.toml"
    file.write_text(
        '[sources.desk]\ndate = "2026-11-20"\ntext = "datasheet of the board"\n'
        '[[peaks]]\ngpu = "H200 SXM 141GB"\nnames = ["H200", "H200 Custom"]\ntflops = { bf16 = "500.5" }\n'
        'memory_gb_per_s = 4000\nsource = "desk"\ncertainty = "sourced"\n'
    )
    laid = load_matrix(file)
    assert laid.peak("NVIDIA H200 Custom").tflops == {"bf16": 500.5}
    assert laid.peak("NVIDIA H200").memory == 4000
    assert laid.peak("NVIDIA H100 PCIe") == matrix.peak("NVIDIA H100 PCIe")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"gpu": "H2000"}, "'H2000' is not among [[gpus]]"),
        ({"names": ["A100-SXM4-40GB"]}, "'a100 sxm4 40gb' stands twice"),
        ({"names": []}, "has no name"),
        ({"names": ["Tesla T4"]}, "'tesla t4' is (7, 5), 'A100 PCIe 40GB' (8, 0)"),
        ({"gpu": "A100 SXM4 40GB"}, "'[[gpus]] A100 SXM4 40GB' stands twice"),
        ({"tflops": {"fp32": "400", "bf16": "312"}}, "bf16 is below fp32"),
        ({"tflops": {"bf16": "312", "int8": "311"}}, "int8 is below bf16"),
        ({"tflops": {"bf16": 312}}, "peaks[1].tflops.bf16: must be text"),
        ({"tflops": {"bf16": "0"}}, "'0' is not a decimal number above 0"),
        ({"tflops": {"bf16": "-1"}}, "is not a decimal number above 0"),
        ({"tflops": {"bf17": "1"}}, "peaks[1].tflops.bf17: unknown key"),
        ({"tflops": None}, "peaks[1].tflops: is missing"),
        ({"memory_gb_per_s": 0}, "memory_gb_per_s is 0"),
        ({"memory_gb_per_s": None}, "memory_gb_per_s: is missing"),
        ({"colour": "red"}, "peaks[1].colour: unknown key"),
    ],
)
def test_a_breach_is_named(matrix, edit, message):
    document = copy.deepcopy(matrix.root.cells)
    row = {**document["peaks"][0], **edit}
    document["peaks"][0] = {key: value for key, value in row.items() if value is not None}
    with pytest.raises(MatrixError) as caught:
        checked(Matrix(document, "my.toml"))
    assert message in str(caught.value)
