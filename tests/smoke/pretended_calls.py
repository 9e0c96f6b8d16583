"""What becomes of a call of torch where GPUs are pretended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pretended_gpus import place_of, tensors_in

if TYPE_CHECKING:
    from types import ModuleType

    from pretended_gpus import Gpus

MIXING_ALLOWED = {
    "copy_",
    "_foreach_copy_",
    "__getitem__",
    "__setitem__",
    "index_put_",
    "backward",
    "_has_compatible_shallow_copy_type",
}


def mode_of(torch: ModuleType, gpus: Gpus) -> Any:
    """Return the mode through which all calls of torch go."""

    class PretendedGpus(torch.overrides.TorchFunctionMode):  # type: ignore[name-defined, misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = dict(kwargs or {})
            name = getattr(func, "__name__", "")
            if name in ("__get__", "__set__"):
                return self.attribute(func, name, args)
            special = getattr(self, "on_" + name, None)
            if special is not None:
                return special(func, args, kwargs)
            return self.usual(func, name, args, kwargs)

        def usual(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
            given = list(tensors_in(torch, [args, kwargs]))
            place = self.common(name, given)
            asked, args, kwargs = self.without_devices(args, kwargs)
            place = asked or place
            self.same_generator(place, kwargs)
            if place != "cpu":
                gpus.call(name)
            if gpus.captures(place):
                gpus.capturing.before(given)
            pinned = kwargs.pop("pin_memory", False)
            # From GPU to GPU it is the source that copies.
            with gpus.working(place_of(given[1]) if name == "copy_" else place, place):
                out = func(*args, **kwargs)
            for tensor in tensors_in(torch, out):
                if not any(tensor is one for one in given):
                    gpus.put(tensor, place)
                    tensor.pretended_pinned = pinned
            if gpus.captures(place):
                gpus.capturing.after(func, args, kwargs, out, given)
            return out

        def common(self, name: str, given: list[Any]) -> str:
            places = {place_of(one): one for one in given if one.dim() > 0}
            if len(places) > 1 and name not in MIXING_ALLOWED:
                first, second = list(places)[:2]
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least two devices, "
                    f"{first} and {second}!"
                )
            if name == "__getitem__" and place_of(given[0]) == "cpu" and len(places) > 1:
                raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
            if given and name in ("__getitem__", "__setitem__", "copy_"):
                return place_of(given[0])
            return next((one for one in map(place_of, given) if one != "cpu"), "cpu")

        def without_devices(self, args: Any, kwargs: Any) -> tuple[str | None, Any, Any]:
            asked = gpus.named(kwargs.get("device"))
            if asked is not None:
                kwargs["device"] = "cpu"
            kept = []
            for one in args:
                named = gpus.named(one) if isinstance(one, (str, torch.device)) else None
                asked = named or asked
                kept.append("cpu" if named else one)
            return asked, tuple(kept), kwargs

        def same_generator(self, place: str, kwargs: Any) -> None:
            generator = kwargs.get("generator")
            if generator is not None and place_of(generator)[:4] != place[:4]:
                raise RuntimeError(
                    f"Expected a '{place[:4]}' device type for generator but found '{place_of(generator)[:4]}'"
                )

        def attribute(self, func: Any, name: str, args: Any) -> Any:
            which = getattr(func.__self__, "__name__", "")
            tensor = args[0]
            if name == "__set__":
                func(*args)
                if which == "data":
                    gpus.put(tensor, place_of(args[1]))
                return None
            if which == "device":
                return torch.device(place_of(tensor))
            if which == "is_cuda":
                return place_of(tensor) != "cpu"
            if which == "is_cpu":
                return place_of(tensor) == "cpu"
            out = func(*args)
            for one in tensors_in(torch, out):
                if one is not tensor and place_of(one) != place_of(tensor):
                    gpus.put(one, place_of(tensor))
            if gpus.captures(place_of(tensor)) and isinstance(out, torch.Tensor):
                gpus.capturing.after(func, args, {}, out, [tensor])
            return out

        def moved(self, tensor: Any, place: str, rest: Any, kwargs: Any) -> Any:
            source = place_of(tensor)
            if "cpu" not in (source, place):
                gpus.call("copy_")
            if source != place:
                if not (kwargs.get("non_blocking") and getattr(tensor, "pretended_pinned", False)):
                    gpus.wait()
                kwargs["copy"] = True
            if source != "cpu" or place != "cpu":
                gpus.call("to")
            if not rest or isinstance(rest[0], bool):
                rest = (kwargs.pop("dtype", None) or tensor.dtype, *rest)
            with gpus.working(source, place):
                out = tensor.to(*rest, **kwargs)
            if out is not tensor:
                gpus.put(out, place)
                if gpus.captures(place):
                    gpus.capturing.after(torch.Tensor.to, (tensor, *rest), kwargs, out, [tensor])
            return out

        def plainly(self, func: Any, args: Any, kwargs: Any) -> Any:
            """Names a device, and puts nothing on it."""
            return func(*args, **kwargs)

        on_device = on__parse_to = plainly

        def on_to(self, func: Any, args: Any, kwargs: Any) -> Any:
            tensor, *rest = args
            place = gpus.named(kwargs.pop("device", None))
            if rest and isinstance(rest[0], torch.Tensor):
                place, rest[0] = place_of(rest[0]), rest[0].dtype
            elif rest and not isinstance(rest[0], torch.dtype):
                place = gpus.named(rest.pop(0)) or place
                if rest and rest[0] is None:  # to(device, None, non_blocking), as nn.Module says it
                    rest[0] = tensor.dtype
            if "other" in kwargs:
                place = place_of(kwargs["other"])
                kwargs["dtype"] = kwargs.pop("other").dtype
            return self.moved(tensor, place or place_of(tensor), tuple(rest), kwargs)

        def on_cuda(self, func: Any, args: Any, kwargs: Any) -> Any:
            tensor, device, *rest = (*args, None) if len(args) == 1 else args
            device = kwargs.pop("device", device)
            return self.moved(tensor, f"cuda:{gpus.index(device)}", tuple(rest), kwargs)

        def on_cpu(self, func: Any, args: Any, kwargs: Any) -> Any:
            return self.moved(args[0], "cpu", (), kwargs)

        def on_get_device(self, func: Any, args: Any, kwargs: Any) -> Any:
            return -1 if place_of(args[0]) == "cpu" else int(place_of(args[0])[5:])

        def on_copy_(self, func: Any, args: Any, kwargs: Any) -> Any:
            out, source = args[:2]
            ends = {place_of(out), place_of(source)}
            if len(ends) > 1 and "cpu" in ends:
                blocking = not (kwargs.get("non_blocking") or (len(args) > 2 and args[2]))
                pageable = not any(getattr(one, "pretended_pinned", False) for one in (out, source))
                if blocking or pageable:
                    gpus.wait()
                gpus.call("copy_")
            return self.usual(func, "copy_", args, kwargs)

        def on_pin_memory(self, func: Any, args: Any, kwargs: Any) -> Any:
            if place_of(args[0]) != "cpu":
                raise RuntimeError("cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned")
            out = args[0].clone()
            gpus.put(out, "cpu")
            out.pretended_pinned = True
            return out

        def on_is_pinned(self, func: Any, args: Any, kwargs: Any) -> Any:
            return bool(getattr(args[0], "pretended_pinned", False))

        def read(self, func: Any, args: Any, kwargs: Any) -> Any:
            """The host asks for a value."""
            if place_of(args[0]) != "cpu":
                gpus.wait()
                gpus.call(func.__name__)
            return func(*args, **kwargs)

        on_item = on_tolist = on___bool__ = on___int__ = on___float__ = on___index__ = read

        def on_numpy(self, func: Any, args: Any, kwargs: Any) -> Any:
            if place_of(args[0]) != "cpu":
                raise TypeError(
                    f"can't convert {place_of(args[0])} device type tensor to numpy. Use Tensor.cpu() to copy the "
                    "tensor to host memory first."
                )
            return func(*args, **kwargs)

        on___array__ = on_numpy

        def on_decode_jpegs_cuda(self, func: Any, args: Any, kwargs: Any) -> Any:
            files, mode, device = args
            gpus.call("decode_jpegs_cuda")
            return [self.moved(torch.ops.image.decode_jpeg(one, mode), gpus.named(device), (), {}) for one in files]

        def on_scaled_dot_product_attention(self, func: Any, args: Any, kwargs: Any) -> Any:
            if not any(place_of(one) != "cpu" for one in tensors_in(torch, [args, kwargs])):
                return func(*args, **kwargs)
            allowed = torch._C._get_math_sdp_enabled()
            torch._C._set_sdp_use_math(True)
            try:
                return self.usual(func, "scaled_dot_product_attention", args, kwargs)
            finally:
                torch._C._set_sdp_use_math(allowed)

    return PretendedGpus()
