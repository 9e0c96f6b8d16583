"""What holds for a whole process, and who may have changed it while Python started: a `sitecustomize`, or a test.

The tests are about what torch computes, and state their bounds for the settings it comes with.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from types import ModuleType

_held: List[Any] = []
"""What ends inference mode as long as it is kept."""


def put_back(torch: ModuleType) -> None:
    """Give torch the settings it comes with, as far as it knows them: device, number type, gradients, precision."""
    with warnings.catch_warnings(module=warnings):  # named, as sys.modules may have lost it
        warnings.simplefilter("ignore")  # some of the names are deprecated
        _call(torch, "set_default_device", None)
        _call(torch, "set_default_dtype", getattr(torch, "float32", None))
        if _call(torch, "are_deterministic_algorithms_enabled"):
            _call(torch, "use_deterministic_algorithms", False)  # which imports torch's compiler: seconds
        _call(torch, "set_autocast_enabled", False)
        _call(torch, "set_autocast_cpu_enabled", False)
        _leave_autocast(torch)
        if _call(torch, "is_inference_mode_enabled"):
            off = torch.inference_mode(False)
            off.__enter__()
            _held.append(off)
        _call(torch, "set_grad_enabled", True)
        if _call(torch, "get_float32_matmul_precision") in ("high", "medium"):
            _call(torch, "set_float32_matmul_precision", "highest")


def _leave_autocast(torch: ModuleType) -> None:
    """Leave every autocast that is still entered: weights it has rounded are kept until the outermost one ends."""
    depth = _call(torch, "autocast_increment_nesting")
    for _ in range(depth if isinstance(depth, int) else 0):
        _call(torch, "autocast_decrement_nesting")
    _call(torch, "clear_autocast_cache")


def _call(torch: ModuleType, name: str, *given: object) -> Any:
    """Call one of torch's functions, where there is such a one."""
    try:
        return getattr(torch, name)(*given)
    # A torch that is broken there may refuse in any way; a test that needs it tells.
    except Exception:
        return None
