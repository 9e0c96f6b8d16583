"""nvidia-smi in a paste: the box of every generation, whole and cut, `-L`, `-q`, tables, and its refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.model.fact import Absent, Known
from envdoctor.readers.paste.cleaning import clean
from envdoctor.readers.paste.tools import nvidia_smi, nvidia_smi_query

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Reading

WALL = "+-----------------------------------------------------------------------------+"
RULE = "|-------------------------------+----------------------+----------------------+"


def box(text: str) -> Reading:
    return nvidia_smi.read(clean(text))


def query(text: str) -> Reading:
    return nvidia_smi_query.read(clean(text))


def known(reading: Reading) -> dict[str, Value]:
    """The facts that a reading states, of two of one name the first, as the assembler takes them."""
    facts: dict[str, Value] = {}
    for one in reading.stated:
        if isinstance(one.fact, Known):
            facts.setdefault(one.name, one.fact.value)
    return facts


@pytest.mark.parametrize(
    ("heading", "driver", "cuda"),
    [
        ("| NVIDIA-SMI 331.62     Driver Version: 331.62         |", "331.62", None),
        ("| NVIDIA-SMI 396.54                 Driver Version: 396.54                    |", "396.54", None),
        ("| NVIDIA-SMI 418.87.01    Driver Version: 418.87.01    CUDA Version: 10.1     |", "418.87.01", "10.1"),
        ("| NVIDIA-SMI 535.103                Driver Version: 537.13       CUDA Version: 12.2     |", "537.13", "12.2"),
        ("| NVIDIA-SMI 610.43.02     KMD Version: 610.43.02     CUDA UMD Version: 13.3     |", "610.43.02", "13.3"),
        ("| NVIDIA-SMI 525.60.13    Driver Version: 525.60.13    CUDA Version: N/A      |", "525.60.13", None),
        ("NVIDIA-SMI 470.57.02 Driver Version: 470.57.02 CUDA Version: 11.4", "470.57.02", "11.4"),
        ("| NVIDIA-SMI 470.57.02    Driver Version: 470.57.02\n    CUDA Version: 11.4     |", "470.57.02", "11.4"),
    ],
)
def test_headings_of_every_generation(heading: str, driver: str, cuda: str | None) -> None:
    facts = known(box(heading))
    assert (facts["driver.version"], facts.get("driver.cuda_version")) == (driver, cuda)


def test_a_whole_box_is_claimed_and_the_prompt_after_it_is_not() -> None:
    reading = box(
        f"{WALL}\n"
        "| NVIDIA-SMI 535.104.05   Driver Version: 535.104.05   CUDA Version: 12.2     |\n"
        f"{RULE}\n"
        "|   0  Tesla T4             Off | 00000000:00:1E.0 Off |                    0 |\n"
        "| N/A   31C    P8     9W /  70W |      2MiB / 15360MiB |      0%      Default |\n"
        "|                               |                      |                  N/A |\n"
        f"{WALL}\n\n{WALL}\n"
        "| Processes:                                                                  |\n"
        "|  No running processes found                                                 |\n"
        f"{WALL}\n"
        ">>> torch.cuda.is_available()\n"
        "| torch | 2.1.0 |\n"
    )
    facts = known(reading)
    assert facts["gpu.count"] == 1
    assert facts["gpu.0.name"] == "Tesla T4"
    assert facts["gpu.0.memory_mib"] == 15360
    assert facts["gpu.0.compute_mode"] == "default"
    assert facts["nvml.status"] == 0
    assert "gpu.0.mig_mode" not in facts  # this GPU has none
    assert reading.claimed == frozenset({*range(2, 8), *range(9, 13)})


def test_mig_is_counted_by_its_table_and_named_by_pseudonyms() -> None:
    row = "|   {}  NVIDIA A100-SXM...  On   | 00000000:0{}:00.0 Off |                   On |\n"
    below = (
        "| N/A   31C    P0    61W / 400W |      2MiB / 40536MiB |     N/A      Default |\n"
        "|                               |                      |              Enabled |\n"
    )
    facts = known(
        box(
            "| NVIDIA-SMI 515.48.07    Driver Version: 515.48.07    CUDA Version: 11.7     |\n"
            f"{row.format(0, 7)}{below}{RULE}\n{row.format(1, 8)}{below}"
            "| MIG devices:                                                                |\n"
            "| GPU  GI  CI  MIG |         Memory-Usage |        Vol|         Shared        |\n"
            "|  1    3   0   0  |  14366MiB / 19968MiB | 28      0 |  2   0    1    0    0 |\n"
            "|                  |      4MiB / 32767MiB |           |                       |\n"
            "|  1    5   0   1  |   9826MiB / 19968MiB | 28      0 |  2   0    1    0    0 |\n"
        )
    )
    assert facts["gpu.0.mig_mode"] == facts["gpu.1.mig_mode"] == "on"
    assert facts["gpu.0.mig"] == []
    assert facts["gpu.1.mig"] == ["MIG-redacted-101", "MIG-redacted-102"]
    assert facts["gpu.1.memory_mib"] == 40536


@pytest.mark.parametrize(
    "text",
    [
        "|   0  NVIDIA GeForce RTX 4090      WDDM  |   00000000:01:00.0  On |                  Off |",
        "0 NVIDIA GeForce RTX 4090 On | 00000000:01:00.0 On | Off",
        "> |   0  NVIDIA GeForce RTX 4090        TCC  | 00000000:01:00.0 Off |                  N/A |",
        "|   0  NVIDIA GeForce RTX 4090        Off |\n   00000000:01:00.0  On |                  N/A |",
    ],
)
def test_a_row_however_it_was_copied(text: str) -> None:
    assert known(box(text))["gpu.0.name"] == "NVIDIA GeForce RTX 4090"


def test_a_box_whose_line_feeds_were_lost() -> None:
    reading = box(
        f"{WALL} | NVIDIA-SMI 461.72 Driver Version: 461.72 CUDA Version: 11.2 | {RULE} | GPU Name TCC/WDDM | Bus-Id |"
        f" Volatile Uncorr. ECC | {RULE} | 0 GeForce RTX 3070 WDDM | 00000000:01:00.0 Off | N/A |"
        " | N/A 61C P8 N/A / N/A | 78MiB / 8192MiB | 0% Default |"
    )
    facts = known(reading)
    assert (facts["driver.version"], facts["gpu.0.name"], facts["gpu.0.memory_mib"]) == (
        "461.72",
        "GeForce RTX 3070",
        8192,
    )


def test_what_follows_a_row_is_not_claimed_with_it() -> None:
    text = "|   0  Tesla T4     Off  | 00000000:00:1E.0 Off |        0 |\nTorch not compiled with CUDA enabled\n"
    assert box(text).claimed == frozenset({1})


@pytest.mark.parametrize(
    ("mode", "beside", "system"),
    [("Off", "", "linux"), ("WDDM", "", "windows"), ("N/A", "", None), ("WDDM", "this is inside WSL2", None)],
)
def test_the_column_after_the_name_tells_the_system(mode: str, beside: str, system: str | None) -> None:
    text = f"|   0  Tesla T4     {mode}  | 00000000:00:1E.0 Off |        0 |\n{beside}"
    assert known(box(text)).get("host.os") == system


def test_a_sentence_around_the_heading_stays_for_other_readers() -> None:
    reading = box("smi shows NVIDIA-SMI 470.82.01 Driver Version: 470.82.01 CUDA Version: 11.4, torch is 1.9.0")
    assert known(reading)["driver.version"] == "470.82.01"
    assert not reading.claimed


def test_the_list_keeps_no_identity() -> None:
    reading = box(
        "GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-5d5ba0d6-0000-2b2c-524d-9e3d8d2b8a77)\n"
        "  MIG 1g.10gb     Device  0: (UUID: MIG-c6d4f1ef-0000-5de3-91c7-45d71c87eb3f)\n"
        "  MIG 1g.10gb     Device  1: (UUID: MIG-GPU-5d5ba0d6-0000-2b2c-524d-9e3d8d2b8a77/7/0)\n"
        "GPU 1: NVIDIA A100-SXM4-80GB (UUID: hidden)\n"
    )
    facts = known(reading)
    assert facts["gpu.count"] == 2
    assert facts["gpu.0.mig"] == ["MIG-redacted-001", "MIG-redacted-002"]
    assert facts["gpu.1.uuid"] == "GPU-redacted-2"
    assert "5d5ba0d6" not in str(reading.stated)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Failed to initialize NVML: Driver/library version mismatch", 18),
        ("in the container: nvidia-smi -> Failed to initialize NVML: Driver/library version mismatch", 18),
        ("Failed to initialize NVML: Unknown Error", 999),
        ("Failed to initialize NVML: Insufficient Permissions", 4),
        ("Failed to initialize NVML: GPU access blocked by the operating system", 17),
        ("Failed to properly shut down NVML: Driver Not Loaded", 9),
        ("nvidia-container-cli: initialization error: nvml error: driver not loaded", 9),
        ("pynvml.NVMLError_LibRmVersionMismatch: RM has detected an NVML/RM version mismatch.", 18),
        ("NVIDIA-SMI has failed because it couldn\u2019t communicate with the NVIDIA driver. Make sure that", 9),
        ("NVIDIA-SMI has failed because it couldn't\ncommunicate with the NVIDIA driver.", 9),
        ("Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost.  Reboot the system", 15),
        ("Unable to determine the device handle for GPU0000:02:00.0: Unknown Error", 999),
        ("No devices were found", 0),
    ],
)
def test_refusals_are_numbers_of_nvml_and_words(text: str, status: int) -> None:
    reading = box(text)
    assert known(reading)["nvml.status"] == status
    assert reading.said[0].line == 1
    assert not reading.claimed


def test_the_library_beside_a_mismatch() -> None:
    reading = box("Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.183\n")
    assert known(reading)["driver.library_version"] == "535.183"
    assert reading.said[0].text.endswith("NVML library version: 535.183")


def test_one_of_several_gpus_refuses() -> None:
    facts = known(box("Unable to determine the device handle for GPU3: 0000:C1:00.0: Unknown Error"))
    assert (facts["nvml.status"], facts["gpu.3.status"], facts["gpu.count"]) == (0, 999, 4)


def test_a_refusal_counts_before_the_box_of_the_host() -> None:
    heading = "| NVIDIA-SMI 535.104.05   Driver Version: 535.104.05   CUDA Version: 12.2     |\n"
    row = "|   0  Tesla T4             Off | 00000000:00:1E.0 Off |                    0 |\n"
    facts = known(box(f"{heading}{row}in the container\nFailed to initialize NVML: Driver/library version mismatch"))
    assert (facts["nvml.status"], facts["gpu.0.name"]) == (18, "Tesla T4")


@pytest.mark.parametrize(
    "text",
    [
        "bash: nvidia-smi: command not found",
        "sh: 1: nvidia-smi: not found",
        "zsh: command not found: nvidia-smi",
        "Command 'nvidia-smi' not found, but can be installed with:",
        'exec: "nvidia-smi": executable file not found in $PATH: unknown',
        "FileNotFoundError: [Errno 2] No such file or directory: 'nvidia-smi'",
        "nvidia-smi : The term 'nvidia-smi' is not recognized as the name of a cmdlet, function",
        "'nvidia-smi' is not recognized as an internal or external command,",
        "bash: nvidia-smi: Befehl nicht gefunden",
        "bash: nvidia-smi: \u672a\u627e\u5230\u547d\u4ee4",
        "'nvidia-smi' \u4e0d\u662f\u5185\u90e8\u6216\u5916\u90e8\u547d\u4ee4\uff0c\u4e5f\u4e0d\u662f",
    ],
)
def test_a_command_that_is_not_there(text: str) -> None:
    reading = box(text)
    assert [one.name for one in reading.stated if isinstance(one.fact, Absent)] == ["driver.version.smi"]
    assert reading.said


@pytest.mark.parametrize(
    "text",
    [
        "nvidia-smi works, but libcudnn.so.8 was not found by the loader",
        "the driver version is 535 and CUDA version 12.1",
        "GPU 0: what is this?",
        "| 0 | 1 | 2 |",
        "NVIDIA-SMI has failed because you are not running as an administrator",
    ],
)
def test_what_is_no_word_of_nvidia_smi(text: str) -> None:
    reading = box(text)
    assert not reading.stated
    assert not reading.said


LOG = """\
==============NVSMI LOG==============

Timestamp                                 : Mon Jan  1 10:00:00 2024
Driver Version                            : 450.66
CUDA Version                              : 11.0

Attached GPUs                             : 1
GPU 00000000:01:00.0
    Product Name                          : GeForce GTX 780
    Persistence Mode                      : Disabled
    MIG Mode
        Current                           : Disabled
        Pending                           : N/A
    GPU Virtualization Mode
        Virtualization Mode               : Pass-Through
    FB Memory Usage
        Total                             : 3022 MiB
    BAR1 Memory Usage
        Total                             : 128 MiB
    Compute Mode                          : Default
that was it: nothing else
"""


def test_the_log() -> None:
    reading = query(LOG)
    facts = known(reading)
    assert facts["driver.version"] == "450.66"
    assert facts["driver.cuda_version"] == "11.0"
    assert facts["gpu.count"] == 1
    assert facts["gpu.0.name"] == "GeForce GTX 780"
    assert facts["gpu.0.memory_mib"] == 3022
    assert facts["gpu.0.mig_mode"] == "off"
    assert facts["gpu.0.virtualization"] == "passthrough"
    assert 21 not in reading.claimed


def test_the_log_of_610_and_later() -> None:
    facts = known(
        query(LOG.replace("Driver Version", "KMD Version   ").replace("CUDA Version    ", "CUDA UMD Version"))
    )
    assert (facts["driver.version"], facts["driver.cuda_version"]) == ("450.66", "11.0")


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (
            "name, driver_version, memory.total [MiB], compute_cap\n"
            "NVIDIA A100-SXM4-80GB, 535.104.05, 81920 MiB, 8.0\n"
            "NVIDIA A100-SXM4-80GB, 535.104.05, 81920 MiB, 8.0",
            {
                "gpu.count": 2,
                "driver.version": "535.104.05",
                "gpu.1.compute_capability": "8.0",
                "gpu.1.memory_mib": 81920,
            },
        ),
        (
            "$ nvidia-smi --query-gpu=name,compute_cap --format=csv,noheader\nNVIDIA GeForce RTX 5090, 12.0",
            {"gpu.0.name": "NVIDIA GeForce RTX 5090", "gpu.0.compute_capability": "12.0"},
        ),
        ("compute_cap\n8.6", {"gpu.0.compute_capability": "8.6", "gpu.count": 1}),
        (
            "3, Tesla T4, 470.82.01, 15109 MiB",
            {"gpu.3.name": "Tesla T4", "driver.version": "470.82.01", "gpu.count": 4},
        ),
    ],
)
def test_tables(text: str, facts: dict[str, Value]) -> None:
    assert facts.items() <= known(query(text)).items()


def test_a_list_that_a_person_wrote_names_no_compute_capability() -> None:
    assert "gpu.0.compute_capability" not in known(query("NVIDIA RTX 3090, 535.86, 12.1"))


@pytest.mark.parametrize("text", ["NVIDIA A100, 12.1", "torch, 535.104.05, 8.0", "a, b, c", "name, version, build"])
def test_what_is_no_table(text: str) -> None:
    assert not query(text).stated
