"""A torch of a hundred lines, enough for the test `start` of the battery, that misbehaves as a variable says.

`FAKE_TORCH` is one of: "" (all is right), wrong, raise, crash, hang, import-fails, import-exits. Every other test of
the battery finds functions missing, and fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from machines import Environment, make_environment

if TYPE_CHECKING:
    from pathlib import Path

FAKE = "FAKE_TORCH"

CODE = """
import os
import time

fault = os.environ.get("FAKE_TORCH", "")
if fault == "import-fails":
    raise ImportError("libtorch_cpu.so: cannot open shared object file: No such file or directory")
if fault == "import-exits":
    os._exit(3)

from torch.version import __version__
int16 = int32 = int64 = type("dtype", (), {"is_floating_point": False, "is_complex": False})()


class cuda:
    init = synchronize = set_device = staticmethod(lambda *_: None)


class iinfo:
    def __init__(self, dtype):
        self.min = -(2**63)


class Tensor:
    def __init__(self, values):
        self.values = values
        self.shape = (len(values),)

    def to(self, *_):
        return self

    detach = reshape = to

    def __and__(self, mask):
        return Tensor([one & mask for one in self.values])

    def __mod__(self, span):
        return Tensor([one % span for one in self.values])

    def __add__(self, low):
        return Tensor([one + low for one in self.values])

    def __ne__(self, other):
        return Tensor([one != two for one, two in zip(self.values, other.values)])

    def numel(self):
        return len(self.values)

    def sum(self):
        return sum(self.values)

    def copy_(self, other):
        if fault == "raise":
            raise RuntimeError("/home/alice/model.py: no \\x1b[31mkernel")
        if fault == "crash":
            os.abort()
        if fault == "hang":
            open(os.environ["FAKE_TORCH_HANGS"], "w").close()
            time.sleep(600)
        self.values = list(other.values)
        if fault == "wrong":
            self.values[-1] += 1


def tensor(values, dtype):
    return Tensor(values)


def full(shape, value, dtype, device):
    return Tensor([value] * shape[0])
"""


def make_battery_torch(folder: Path, version: str = "2.9.1+cpu") -> Environment:
    """An environment whose torch says it is that one, and is the one above."""
    environment = make_environment(folder, version, torchvision=None)
    (environment.site_packages / "torch" / "__init__.py").write_text(CODE)
    return environment
