"""Objects built with cc, and the answers of this machine's real loader about them."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OLD, NEW = "-Wl,--disable-new-dtags", "-Wl,--enable-new-dtags"

# Opens the objects it is given, one after the other ("+" before one: for all to see), and tells every object then in
# the process, as the loader named it. "name@symbol" calls a function of an object that is there, with the name: that
# is how a library opens another.
OPENER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
    struct link_map *map = 0;
    for (int i = 1; i < argc; i++) {
        char *at = strchr(argv[i], '@');
        if (at) {
            *at = 0;
            void *(*opens)(const char *) = (void *(*)(const char *))dlsym(RTLD_DEFAULT, at + 1);
            if (!opens || !opens(argv[i])) { fprintf(stderr, "%s", dlerror()); return 1; }
            continue;
        }
        int everywhere = argv[i][0] == '+';
        if (!dlopen(argv[i] + everywhere, RTLD_NOW | (everywhere ? RTLD_GLOBAL : 0))) {
            fprintf(stderr, "%s", dlerror());
            return 1;
        }
    }
    if (dlinfo(dlopen(0, RTLD_NOW), RTLD_DI_LINKMAP, &map)) return 2;
    while (map->l_prev) map = map->l_prev;
    for (; map; map = map->l_next) puts(map->l_name);
    return 0;
}
"""

CALLER = r"""
#include <dlfcn.h>
void *opens(const char *name) { return dlopen(name, RTLD_NOW); }
"""


class Workshop:
    """A folder of objects that are linked here."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("cc") is None:
            pytest.skip("no C compiler")
        self.folder = folder
        (folder / "opener.c").write_text(OPENER)
        (folder / "caller.c").write_text(CALLER)
        self.program("opener")

    def cc(self, output: str, *options: str) -> Path:
        path = self.folder / output
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-o", str(path), *options], check=True, capture_output=True)
        return path

    def program(self, output: str, *options: str) -> Path:
        """The opener, linked with `options`."""
        linked = ("-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", *options, "-ldl")
        return self.cc(output, str(self.folder / "opener.c"), *linked)

    def library(self, output: str, *options: str, source: str = "-xc /dev/null -xnone") -> Path:
        linked = ("-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", *options)
        return self.cc(output, "-shared", "-fPIC", "-nostdlib", *source.split(), *linked)

    def really(
        self, *arguments: Path | str, library_path: str = "", preload: str = "", program: str = "opener"
    ) -> list[str] | None:
        """The objects in the process after the program opened its arguments, None where one was not found."""
        environ = {**os.environ, "LD_LIBRARY_PATH": library_path, "LD_PRELOAD": preload}
        argv: Sequence[Path | str] = [self.folder / program, *arguments]
        ran = subprocess.run(argv, capture_output=True, text=True, env=environ, cwd=self.folder)
        if ran.returncode:
            # The second is what it says where files of another class were all it met.
            assert "cannot open shared object file" in ran.stderr or "wrong ELF class" in ran.stderr, ran.stderr
            return None
        return ran.stdout.splitlines()
