"""What stands in the modules of torch where GPUs are pretended: `torch.cuda` and what else asks a driver."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pretended_gpus import Graph, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from pretended_gpus import Gpus, Memory


def change_modules(torch: ModuleType, gpus: Gpus) -> None:
    """Put it there."""
    version = torch.version
    version.cuda = version.cuda or "13.0"
    if not hasattr(torch.cuda, "OutOfMemoryError"):
        torch.cuda.OutOfMemoryError = torch.OutOfMemoryError
    for change in (_the_module, _streams, _graphs, _memory, _random, _many, _libraries):
        change(torch, gpus)


def _the_module(torch: ModuleType, gpus: Gpus) -> None:
    cuda = torch.cuda

    def init() -> None:
        gpus.call("init")

    def synchronize(device: Any = None) -> None:
        gpus.index(device)
        gpus.wait()
        gpus.call("synchronize")

    def set_device(device: Any) -> None:
        gpus.current = gpus.index(device)

    class Device:
        def __init__(self, device: Any) -> None:
            self.index = gpus.index(device)

        def __enter__(self) -> None:
            self.before, gpus.current = gpus.current, self.index

        def __exit__(self, *trouble: object) -> None:
            gpus.current = self.before

    def properties(device: Any = None) -> SimpleNamespace:
        index = gpus.index(device)
        major, minor = gpus.capability
        return SimpleNamespace(
            name="Pretended GPU",
            major=major,
            minor=minor,
            total_memory=gpus.memory[index].total,
            multi_processor_count=4,
            uuid=f"0000000{index}-0000-0000-0000-000000000000",
            is_integrated=0,
            is_multi_gpu_board=0,
            warp_size=32,
        )

    major, minor = gpus.capability
    cuda.init = cuda._lazy_init = init
    cuda.is_available = lambda: True
    cuda.is_initialized = lambda: True
    cuda.device_count = lambda: gpus.count
    cuda.current_device = lambda: gpus.current
    cuda.set_device = set_device
    cuda.device = Device
    cuda.synchronize = synchronize
    cuda.get_device_properties = properties
    cuda.get_device_name = lambda device=None: properties(device).name
    cuda.get_device_capability = lambda device=None: (gpus.index(device), gpus.capability)[1]
    cuda.get_arch_list = lambda: [f"sm_{major}{minor}"]
    cuda.is_bf16_supported = lambda including_emulation=True: gpus.capability >= (8, 0) or including_emulation
    cuda.can_device_access_peer = lambda one, other: gpus.index(one) != gpus.index(other)


def _streams(torch: ModuleType, gpus: Gpus) -> None:
    class Event:
        def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
            self.timing = enable_timing
            self.at: float | None = None

        def record(self, stream: Any = None) -> None:
            gpus.call("record")
            self.gpu = stream.device.index if stream is not None else gpus.current
            self.at = gpus.busy[self.gpu]

        def wait(self, stream: Any = None) -> None:
            gpus.call("wait")

        def query(self) -> bool:
            gpus.call("query")
            return True

        def synchronize(self) -> None:
            gpus.wait()
            gpus.call("synchronize")

        def elapsed_time(self, end: Event) -> float:
            if not (self.timing and end.timing):
                raise ValueError("Both events must be created with argument 'enable_timing=True'.")
            if self.at is None or end.at is None:
                raise ValueError("Both events must be recorded before calculating elapsed time.")
            if self.gpu != end.gpu:
                raise RuntimeError("CUDA error: invalid resource handle")
            return (end.at - self.at) * 1e3

    class Stream:
        def __init__(self, device: Any = None, priority: int = 0) -> None:
            self.device = torch.device("cuda", gpus.index(device))
            self.priority = priority

        def synchronize(self) -> None:
            gpus.wait()
            gpus.call("synchronize")

        def query(self) -> bool:
            return True

        def is_capturing(self) -> bool:
            return gpus.capturing is not None

        def wait_stream(self, stream: Any) -> None:
            gpus.call("wait")

        def wait_event(self, event: Event) -> None:
            event.wait(self)

        def record_event(self, event: Event | None = None) -> Event:
            event = event or Event()
            event.record(self)
            return event

    default = [Stream(index) for index in range(gpus.count)]
    current = list(default)

    @contextmanager
    def on_stream(stream: Any) -> Iterator[None]:
        if stream is None:
            yield
            return
        index = stream.device.index
        device, before = gpus.current, current[index]
        gpus.current, current[index] = index, stream
        try:
            yield
        finally:
            gpus.current, current[index] = device, before

    def set_stream(stream: Any) -> None:
        current[stream.device.index] = stream

    def record_stream(tensor: Any, stream: Stream) -> None:
        if place_of(tensor) == "cpu":
            raise NotImplementedError("Could not run 'aten::record_stream' with arguments from the 'CPU' backend.")

    torch.Tensor.record_stream = record_stream  # torch itself takes no other streams than its own
    torch.cuda.Event, torch.cuda.Stream = Event, Stream
    torch.cuda.stream = torch.cuda.StreamContext = on_stream
    torch.cuda.set_stream = set_stream
    torch.cuda.current_stream = lambda device=None: current[gpus.index(device)]
    torch.cuda.default_stream = lambda device=None: default[gpus.index(device)]
    if hasattr(torch, "accelerator"):
        torch.accelerator.is_available = lambda: True
        torch.accelerator.device_count = lambda: gpus.count
        torch.accelerator.current_accelerator = lambda check_available=False: torch.device("cuda")
        torch.accelerator.current_device_index = lambda: gpus.current
        torch.accelerator.current_stream = torch.cuda.current_stream
        torch.accelerator.synchronize = torch.cuda.synchronize


def _graphs(torch: ModuleType, gpus: Gpus) -> None:
    class CUDAGraph:
        def __init__(self, keep_graph: bool = False) -> None:
            self.graph = Graph(torch, gpus)

        def capture_begin(self, pool: Any = None, capture_error_mode: str = "global") -> None:
            if torch.cuda.current_stream() is torch.cuda.default_stream():
                raise RuntimeError("CUDA graphs must be captured on a non-default stream.")
            self.graph.begin()

        def capture_end(self) -> None:
            self.graph.end()

        def replay(self) -> None:
            self.graph.replay()

        def reset(self) -> None:
            self.graph = Graph(torch, gpus)

        def pool(self) -> tuple[int, int]:
            return (0, 1)

    class Capture:
        stream_of_all: Any = None  # as torch does it: made once, on the GPU of the first graph

        def __init__(self, cuda_graph: Any, pool: Any = None, stream: Any = None, **more: Any) -> None:
            self.graph = cuda_graph
            if stream is None:
                Capture.stream_of_all = stream = Capture.stream_of_all or torch.cuda.Stream()
            self.context = torch.cuda.stream(stream)

        def __enter__(self) -> None:
            torch.cuda.synchronize()
            self.context.__enter__()
            self.graph.capture_begin()

        def __exit__(self, *trouble: Any) -> None:
            try:
                self.graph.capture_end()
            finally:
                self.context.__exit__(None, None, None)

    torch.cuda.CUDAGraph = CUDAGraph
    torch.cuda.graph = Capture
    torch.cuda.graph_pool_handle = lambda: (0, 1)
    torch.cuda.is_current_stream_capturing = lambda: gpus.capturing is not None


def _memory(torch: ModuleType, gpus: Gpus) -> None:
    def of(device: Any) -> Memory:
        return gpus.memory[gpus.index(device)]

    def empty_cache() -> None:
        for memory in gpus.memory:
            memory.empty_cache()

    def reset_peak(device: Any = None) -> None:
        of(device).peak = of(device).allocated

    def info(device: Any = None) -> tuple[int, int]:
        gpus.call("mem_get_info")
        return of(device).total - of(device).reserved, of(device).total

    for module in (torch.cuda, torch.cuda.memory):
        module.mem_get_info = info
        module.empty_cache = empty_cache
        module.memory_allocated = lambda device=None: of(device).allocated
        module.max_memory_allocated = lambda device=None: of(device).peak
        module.memory_reserved = lambda device=None: of(device).reserved
        module.reset_peak_memory_stats = reset_peak


def _random(torch: ModuleType, gpus: Gpus) -> None:
    plain = torch.Generator

    class Generator(plain):  # type: ignore[valid-type, misc]
        def __new__(cls, device: Any = "cpu") -> Generator:
            made = plain.__new__(cls, device="cpu")
            made.pretended = gpus.named(device) or "cpu"
            return made

        def __init__(self, device: Any = "cpu") -> None:
            pass

        @property
        def device(self) -> Any:
            return torch.device(self.pretended)

    defaults = [Generator(f"cuda:{index}") for index in range(gpus.count)]

    def seed_one(seed: int) -> None:
        torch.random.default_generator.manual_seed(seed)

    torch.Generator = Generator
    torch.cuda.default_generators = tuple(defaults)
    torch.cuda.manual_seed = torch.cuda.manual_seed_all = seed_one
    torch.cuda.get_rng_state = lambda device=None: torch.random.default_generator.get_state()
    torch.cuda.set_rng_state = lambda state, device=None: torch.random.default_generator.set_state(state) and None


def _many(torch: ModuleType, gpus: Gpus) -> None:
    """NCCL of one process, and its process group."""
    # Tensors of several devices meet here, so the mode is left out.
    off = torch._C.DisableTorchFunction

    def all_reduce(inputs: Any, outputs: Any = None, op: int = 0, streams: Any = None, comms: Any = None) -> None:
        gpus.call("all_reduce")
        with gpus.working(*map(place_of, inputs)), off():
            total = torch.stack(list(inputs)).sum(0)
            for out in inputs if outputs is None else outputs:
                out.copy_(total)

    def all_gather(inputs: Any, outputs: Any, streams: Any = None, comms: Any = None) -> None:
        gpus.call("all_gather")
        with gpus.working(*map(place_of, inputs)), off():
            every = torch.cat([one.reshape(-1) for one in inputs])
            for out in outputs:
                out.view(-1).copy_(every)

    nccl = torch.cuda.nccl
    nccl.is_available = lambda tensors: True
    nccl.version = lambda: (2, 28, 0)
    nccl.all_reduce, nccl.all_gather = all_reduce, all_gather
    together = torch.distributed
    if not together.is_available():
        return
    init_plain, barrier_plain = together.init_process_group, together.barrier

    def init_group(backend: str | None = None, *more: Any, **named: Any) -> None:
        named.pop("device_id", None)
        gpus.call("init_process_group")
        init_plain(backend and backend.replace("nccl", "gloo"), *more, **named)

    together.is_nccl_available = lambda: True
    together.init_process_group = init_group
    together.barrier = lambda *group, device_ids=None, **named: barrier_plain(*group, **named)


def _libraries(torch: ModuleType, gpus: Gpus) -> None:
    """Autocast, attention, cuDNN, `torch.compile`, and parameters that keep their device."""
    backends = torch.backends
    backends.cuda.is_built = lambda: True
    backends.cudnn.is_available = lambda: True
    backends.cudnn.version = lambda: 91000
    for name, least in (("flash", (8, 0)), ("efficient", (5, 0)), ("cudnn", (8, 0))):
        if hasattr(backends.cuda, f"can_use_{name}_attention"):
            able = gpus.capability >= least
            setattr(backends.cuda, f"can_use_{name}_attention", lambda params, debug=False, able=able: able)
    if hasattr(backends.cuda, "is_flash_attention_available"):
        backends.cuda.is_flash_attention_available = lambda: True

    begin = torch.autocast.__init__

    def autocast(self: Any, device_type: str, dtype: Any = None, *more: Any, **named: Any) -> None:
        if device_type == "cuda":
            device_type, dtype = "cpu", dtype or torch.float16
        begin(self, device_type, dtype, *more, **named)

    torch.autocast.__init__ = autocast

    make = torch.nn.Parameter.__new__

    def parameter(cls: Any, data: Any = None, requires_grad: bool = True) -> Any:
        made = make(cls, data, requires_grad)
        if data is not None and place_of(data) != "cpu":
            gpus.put(made, place_of(data))
        return made

    torch.nn.Parameter.__new__ = parameter
    torch.compile = lambda model=None, **settings: model if model is not None else lambda one: one
