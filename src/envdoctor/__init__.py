"""envdoctor: says why PyTorch and a GPU do not get along, and what to type to make it right.

The names in `__all__` are the Python API (docs/reference/api.md); every other name below this package is private.
They are loaded when they are first asked for: `import envdoctor` loads nothing.

PYTEST_DONT_REWRITE: pytest would rewrite the asserts of every package with a plugin, and warn where one was imported
before it.
"""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False  # what `typing` calls so, without its import
if TYPE_CHECKING:
    from envdoctor.api import *  # noqa: F403 - `__all__` below is that of the API and the version

__version__ = "0.1.0"

__all__ = [  # noqa: F405
    "Absent",
    "Applicability",
    "Confidence",
    "Diagnosis",
    "EnvdoctorError",
    "Evidence",
    "Finding",
    "Known",
    "Place",
    "Plan",
    "Report",
    "Severity",
    "Snapshot",
    "Status",
    "Step",
    "Undiagnosed",
    "Unknown",
    "UnusableInput",
    "Verdict",
    "__version__",
    "as_json",
    "check",
    "diagnose",
    "from_json",
    "load_snapshot",
    "plan",
    "snapshot",
]


class _Package(ModuleType):
    """Keeps `plan` and `diagnose` for the functions of the API.

    Rooms of the house have these names too, and whoever imports a submodule sets it as an attribute of its package
    (docs/adr/0018-the-python-api.md). `from envdoctor.plan import x` does not need that attribute.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'envdoctor' has no attribute {name!r}")
        from envdoctor import api

        return getattr(api, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Package
