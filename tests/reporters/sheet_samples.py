"""Sheets of the matrix for the tests of their formats: excerpts, so that a new release changes no golden file."""

from __future__ import annotations

from envdoctor.model.overlay import OverlayName
from envdoctor.model.sheet import NONE, Column, Items, Sheet, Table

ORIGIN = (Column("certainty", "certainty", 1), Column("source", "source", 4))
LINES = (
    Column("torch", "torch"),
    Column("released", "released", 3),
    Column("torchvision", "vision", 1),
    Column("torchaudio", "audio", 1),
    Column("default_linux_x86_64", "default"),
    Column("channels", "CUDA channels"),
    Column("pythons", "Pythons", 2),
)
BUILDS = (
    Column("channel", "channel"),
    Column("platform", "platform"),
    Column("cuda", "CUDA"),
    Column("driver", "driver from"),
    Column("sass", "machine code for"),
    Column("ptx", "PTX for", 1),
    Column("nccl", "NCCL", 2),
    *ORIGIN,
)
PYTHONS = Items(("3.10", "3.11", "3.12", "3.13", "3.14", "3.13t", "3.14t"), "3.10-3.14, 3.13t, 3.14t")
MAXWELL = Items(("5.0", "6.0", "7.0", "7.5", "8.0", "8.6", "9.0"))


def sheet(*tables: Table, notes: tuple[str, ...] = (), overlay: OverlayName | None = None) -> Sheet:
    return Sheet("torch releases", "2026-11-21", "2.15.0", overlay, notes, tables)


def releases() -> Sheet:
    rows = (
        ("2.15.0", "2026-10-28", "0.29.2", NONE, "cu132", Items(("cu130?", "cu132")), PYTHONS),
        ("2.11.0", "2026-03-23", "0.26.0", "2.11.0", "cu130", Items(("cu126", "cu128", "cu129", "cu130")), PYTHONS),
        ("1.8.2", "2021-08-17", "0.9.2", "0.8.2", None, Items(("cu102", "cu111")), None),
    )
    notes = ("A channel with a question mark was announced or inferred.", "43 older releases: --all.")
    return sheet(Table("releases", "", LINES, rows, notes))


def one_release() -> Sheet:
    facts = (Column("torch", "torch"), Column("triton", "triton"), *ORIGIN)
    release = Table("release", "torch 2.7.1", facts, (("2.7.1", "==3.3.1", "verified", "wheel-metadata (2026-11-21)"),))
    builds = (
        ("cu118", "linux-x86_64", "11.8.0", "450.80.02", MAXWELL, Items((), NONE), None, "inferred", "memory"),
        ("cu126", "windows-x86_64", "12.6.3", "527.41", None, None, NONE, "inferred", "no-row (2026-11-21)"),
        ("cpu", "linux-x86_64", NONE, NONE, Items((), NONE), Items((), NONE), NONE, "verified", "wheel-metadata"),
    )  # fmt: skip
    return sheet(
        release, Table("builds", "Builds of torch 2.7.1", BUILDS, builds), Table("sources", "Sources", ORIGIN, ())
    )


def overlaid() -> Sheet:
    columns = (Column("torch", "torch"), Column("cuda", "CUDA | major"), Column("ptx", "PTX"), Column("mark", "mark"))
    rows = (
        ("2.13.0", 13, "", "withheld: breaks our _loader_ | see <https://example.invalid/1> @team"),
        ("2.12.1", 13, "", ""),
    )
    note = "The compatibility matrix is of 2026-11-21, 120 days old."
    return sheet(
        Table("releases", "By release", columns, rows), notes=(note,), overlay=OverlayName("ours.toml", "2026-12-01")
    )


SAMPLES = {"releases": releases(), "one-release": one_release(), "overlaid": overlaid()}
