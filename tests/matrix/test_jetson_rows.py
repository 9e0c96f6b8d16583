from __future__ import annotations

import copy

import pytest

from envdoctor.matrix.load import checked
from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.rows import MatrixError
from envdoctor.matrix.versions import NotAVersion

ORIN, THOR = (8, 7), (11, 0)


@pytest.mark.parametrize(
    ("l4t", "capability", "place", "channel"),
    [
        ("35.4.1", ORIN, "nvidia", None),
        ("36.4.0", ORIN, "jetson-ai-lab", "jp6/cu126"),
        ("36", ORIN, "jetson-ai-lab", "jp6/cu126"),
        ("38.4.0", THOR, "pytorch", "cu130"),
        ("39.2.1", THOR, "pytorch", "cu130"),
        ("39.2.1", ORIN, "conda-forge", "13.0"),
    ],
)
def test_where_a_board_gets_its_torch(matrix, l4t, capability, place, channel):
    found = matrix.jetson_source(l4t, capability)
    assert (found.place, found.channel) == (place, channel)
    assert found.page.startswith("https://")


@pytest.mark.parametrize(("l4t", "capability"), [("32.7.1", (5, 3)), ("38.4.0", ORIN), ("36.4", THOR), ("40.1", THOR)])
def test_what_is_not_known(matrix, l4t, capability):
    assert matrix.jetson_source(l4t, capability) is None


def test_what_is_no_version(matrix):
    with pytest.raises(NotAVersion):
        matrix.jetson_source("REVISION", ORIN)


@pytest.mark.parametrize(
    ("number", "edit", "message"),
    [
        (0, {"l4t": None}, "jetson[1].l4t: is missing"),
        (0, {"place": "shop"}, "'shop' is none of jetson-ai-lab"),
        (0, {"capability": "8"}, "'8' is not a compute capability"),
        (0, {"l4t": 37}, "Jetson Linux 36 with CUDA 12.6 stands after 37 with 11.4"),
        (1, {"l4t": 35}, "Jetson Linux 35 (8, 7) stands twice"),
        (2, {"channel": "cu126"}, "Jetson Linux 38: pytorch cu126 holds no kernels for (11, 0)"),
        (4, {"channel": "11.8"}, "Jetson Linux 39: conda-forge 11.8 holds no kernels for (8, 7)"),
        (4, {"colour": "red"}, "colour: unknown key"),
    ],
)
def test_a_breach_is_named(matrix, number, edit, message):
    document = copy.deepcopy(matrix.root.cells)
    row = {**document["jetson"][number], **edit}
    document["jetson"][number] = {key: value for key, value in row.items() if value is not None}
    with pytest.raises(MatrixError) as caught:
        checked(Matrix(document, "my.toml"))
    assert message in str(caught.value)
