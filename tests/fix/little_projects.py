"""Projects that pip and uv install without a network: each brings what builds it (`backend-path` of PEP 517)."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path
from textwrap import dedent

BACKEND = dedent('''
    """Builds a wheel of what lies here: a module, a C extension where there is `native.c`, a console script."""

    import base64, hashlib, os, subprocess, sysconfig, zipfile

    NAME, VERSION = "@NAME@", "@VERSION@"
    HERE = os.path.dirname(os.path.abspath(__file__))
    METADATA = f"Metadata-Version: 2.1\\nName: {NAME}\\nVersion: {VERSION}\\n"
    WHEEL = "Wheel-Version: 1.0\\nGenerator: little\\nRoot-Is-Purelib: false\\nTag: py3-none-any\\n"


    def build_wheel(folder, config_settings=None, metadata_directory=None):
        files = {f"{NAME}.py": _read(f"{NAME}.py")}
        if os.path.exists(os.path.join(HERE, "native.c")):
            built, source = os.path.join(folder, "native.so"), os.path.join(HERE, "native.c")
            headers = sysconfig.get_path("include")
            subprocess.run(["gcc", "-shared", "-fPIC", "-I", headers, "-o", built, source], check=True)
            files[f"_{NAME}_native" + sysconfig.get_config_var("EXT_SUFFIX")] = _read(built)
            os.unlink(built)
        return _wheel(folder, files)


    def build_editable(folder, config_settings=None, metadata_directory=None):
        finder = f"MAPPING = {dict([(NAME, HERE)])!r}\\nimport sys\\nsys.path.append(MAPPING[{NAME!r}])\\n"
        hook = f"import __editable___{NAME}_finder\\n"
        return _wheel(folder, {f"__editable___{NAME}_finder.py": finder.encode(), f"{NAME}.pth": hook.encode()})


    def _wheel(folder, files):
        info, made = f"{NAME}-{VERSION}.dist-info", f"{NAME}-{VERSION}-py3-none-any.whl"
        files[f"{info}/METADATA"] = METADATA.encode()
        files[f"{info}/WHEEL"] = WHEEL.encode()
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\\n{NAME}-run = {NAME}:main\\n".encode()
        record = "".join(f"{path},sha256={_digest(data)},{len(data)}\\n" for path, data in files.items())
        files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\\n".encode()
        with zipfile.ZipFile(os.path.join(folder, made), "w") as wheel:
            for path, data in files.items():
                wheel.writestr(path, data)
        return made


    def _digest(data):
        return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


    def _read(name):
        with open(os.path.join(HERE, name), "rb") as opened:
            return opened.read()
''')

NATIVE = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_%s_native", NULL, -1, NULL};
PyMODINIT_FUNC PyInit__%s_native(void) { return PyModule_Create(&module); }
"""


def make_project(folder: Path, name: str, version: str = "1.0", *, native: bool = False) -> Path:
    """Write a project whose script `NAME-run` prints its name and the prefix of the interpreter that runs it."""
    folder.mkdir(parents=True)
    backend = f"{name}_backend"
    (folder / f"{backend}.py").write_text(BACKEND.replace("@NAME@", name).replace("@VERSION@", version))
    (folder / "pyproject.toml").write_text(
        f'[build-system]\nrequires = []\nbuild-backend = "{backend}"\nbackend-path = ["."]\n'
    )
    imported = f"import _{name}_native" if native else ""
    (folder / f"{name}.py").write_text(
        f"import sys\n{imported}\n\ndef main():\n    print({name!r}, sys.prefix, __file__)\n"
    )
    if native:
        (folder / "native.c").write_text(NATIVE % (name, name))
    return folder


def compiles() -> bool:
    """Whether an extension can be compiled here."""
    return shutil.which("gcc") is not None and Path(sysconfig.get_path("include"), "Python.h").exists()


def uv() -> str | None:
    """Return the uv of the environment that runs the tests, or of PATH."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv")
