"""Build hook: put the compiled matrix into the wheel, where `envdoctor.matrix.load` looks first.

Only for a standard wheel. An editable install reads the TOML at the top of the checkout, so that an edit counts at
once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class MatrixHook(BuildHookInterface):
    """Compiles `compat_matrix.toml` to `envdoctor/compat_matrix.json` inside the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the compiled file to the wheel; a broken matrix fails the build with its one line."""
        if version != "standard" or self.target_name != "wheel":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root / "src"))  # the package is not installed while it is being built
        try:
            from envdoctor.matrix.compile import compiled
        finally:
            sys.path.pop(0)
        self._folder = Path(mkdtemp(prefix="matrix-"))
        target = self._folder / "compat_matrix.json"
        target.write_text(compiled(root / "compat_matrix.toml"), encoding="utf-8")
        build_data["force_include"][str(target)] = "envdoctor/compat_matrix.json"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what `initialize` wrote."""
        folder = getattr(self, "_folder", None)
        if folder is not None:
            (folder / "compat_matrix.json").unlink(missing_ok=True)
            folder.rmdir()
