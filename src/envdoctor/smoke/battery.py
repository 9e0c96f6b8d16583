"""Runs the battery: children of the target interpreter one after the other, until every test has a result.

A child that dies, hangs, floods or loses its device costs the test that ran then; the next child goes on with the next
test. Each child ends at least one test or, at most once in a row, none: so their number is bounded.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.host.conversation import Conversation
from envdoctor.host.folder import temporary_folder
from envdoctor.host.host import Host
from envdoctor.host.memory import Memory
from envdoctor.model.smoke import IMPORT, TIME_OVER, Status, TestResult
from envdoctor.smoke.child.case import FULL
from envdoctor.smoke.endings import OVER, Ending
from envdoctor.smoke.results import result_blamed, result_told
from envdoctor.smoke.watching import ENOUGH, ENOUGH_FULL, SCRIPT, Begun, Gone, Told, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envdoctor.model.fact import Value
    from envdoctor.smoke.child.case import Case
    from envdoctor.smoke.order import Items
    from envdoctor.smoke.watching import Happening

FOLDER = "envdoctor-smoke-"
"""Begins the name of the temporary folder."""

STACK_AT = 0.8
"""The share of its time after which the stack of a test that still runs is written down."""

START = "start"
"""The test without which no other can pass on a GPU."""

NO_START = (Status.CRASHED, Status.TIMED_OUT)

IDLE_CHILDREN = 2
"""Children in a row that end between two tests, the last of which is blamed on the test it did not come to."""

BEFORE = Ending(Status.CRASHED, "the process ended before this test could begin")

CACHES = {
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "PYTORCH_KERNEL_CACHE_PATH": "kernels",
}
"""Variables that name the folders into which torch and triton write what they compile."""

TEMPORARY = ("TEMP", "TMP") if sys.platform == "win32" else ("TMPDIR",)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: for an import of torch, for a test (times its patience), for the whole battery.

    A test has as long as the import took where that was longer.
    Without `importing_counts` the battery's time begins when torch is imported for the first time.
    """

    importing: float = 60.0
    test: float = 20.0
    battery: float = 120.0
    importing_counts: bool = True


@dataclass(frozen=True, slots=True)
class Order:
    """What to run with which interpreter. `devices` are the GPUs of a test of all of them, `environ` None is ours."""

    python: str
    items: Items
    devices: tuple[str, ...]
    size: str
    seed: int
    limits: Limits
    environ: Mapping[str, str] | None = None


class Progress(NamedTuple):
    """`done` of `of` tests are over; `test` begins where `result` is None, and is over with it."""

    done: int
    of: int
    test: str
    device: str
    result: TestResult | None


class Ran(NamedTuple):
    """What came of it.

    A result for each test ordered, before them that of `import` where torch could not be imported. `torch` is what it
    said of itself, `devices` what it said of each device. Where the battery could not start, `started` is False and
    `trouble` says why. `windows` are begin and end of each test by `time.monotonic()`.
    """

    tests: tuple[TestResult, ...]
    torch: Mapping[str, Value]
    devices: tuple[Mapping[str, Value], ...]
    started: bool
    trouble: str
    windows: Mapping[tuple[str, str], tuple[float, float]]


def run_battery(order: Order, tell: Callable[[Progress], None] = lambda _: None) -> Ran:
    """Run what was ordered, and call `tell` whenever a test begins or is over.

    It takes at most its limit and a moment, whatever torch does, and leaves no process and no file behind.
    """
    with temporary_folder(FOLDER) as folder:
        return _Battery(order, tell, folder).run()


class _Battery:
    def __init__(self, order: Order, tell: Callable[[Progress], None], folder: str | None) -> None:
        self.order = order
        self.tell = tell
        self.folder = folder
        self.memory = Memory(Host())
        self.left = list(order.items)
        self.results: dict[tuple[str, str], TestResult] = {}
        self.windows: dict[tuple[str, str], tuple[float, float]] = {}
        self.failed_import: TestResult | None = None
        self.torch: dict[str, Value] = {}
        self.devices: dict[str, Mapping[str, Value]] = {}
        self.trouble = ""
        self.imported_in = 0.0
        self.idle = 0
        self.over_at = time.monotonic() + order.limits.battery if order.limits.importing_counts else math.inf

    def run(self) -> Ran:
        children = 0
        while self.left and not self.trouble:
            children += 1
            self._child(children)
        for case, device in tuple(self.left):
            self._settle(
                case, TestResult(case.name, device, Status.SKIPPED, case.library_on(device), message=self.trouble)
            )
        tests = tuple(self.results[case.name, device] for case, device in self.order.items)
        if self.failed_import:
            tests = (self.failed_import, *tests)
        return Ran(tests, self.torch, tuple(self.devices.values()), bool(self.torch), self.trouble, self.windows)

    def _child(self, number: int) -> None:
        """Run a child for the tests that are left."""
        folder, environ = self._workplace(number)
        order = {
            "items": [[case.name, device] for case, device in self.left],
            "devices": list(self.order.devices),
            "full": self.order.size == FULL,
            "seed": self.order.seed,
            "folder": folder,
            "stack_after": self.order.limits.test * STACK_AT,
        }
        # -B: nothing is written into the environment under examination. Not -I: PYTHONPATH and the user's packages are
        # part of it.
        child = Conversation(lambda channel: [self.order.python, "-B", SCRIPT, channel, json.dumps(order)], environ)
        if child.trouble:
            self.trouble = f"{self.order.python} could not be started: {child.trouble}"
            return
        before = len(self.left)
        enough = ENOUGH_FULL if self.order.size == FULL else ENOUGH
        with closing(watch(child, self._seconds_for, lambda: self.over_at, self.memory, enough)) as happenings:
            idle = self._listen(happenings)
        if len(self.left) < before:
            self.idle = 0
        if idle and (idle is not BEFORE or len(self.left) == before):
            self._blame_next(idle)

    def _listen(self, happenings: Iterator[Happening]) -> Ending | None:
        """Take what a child tells, and return how it ended where that was in no test."""
        imported = False
        begun_at = time.monotonic()
        for happened in happenings:
            now = time.monotonic()
            if isinstance(happened, Begun):
                if happened != self._next(imported=imported):
                    return BEFORE  # it is none of ours that speaks: not to be listened to any more
                begun_at = now
                if happened.test != IMPORT:
                    self.tell(Progress(self._done, len(self.order.items), happened.test, happened.device, None))
            elif isinstance(happened, Told) and not imported:
                imported = self._imported(happened)
            elif isinstance(happened, Told):
                self._told(happened, (begun_at, now))
            elif isinstance(happened, Gone):
                return self._gone(happened, (begun_at, now), imported=imported)
            if not self.left:
                return None  # what it may still do is nothing to wait for
        return BEFORE if imported else None

    def _next(self, *, imported: bool) -> Begun:
        """Return what a child that does as it was told begins next."""
        case, device = self.left[0]
        return Begun(case.name, device) if imported else Begun(IMPORT, "cpu")

    def _seconds_for(self, begun: Begun | None) -> float:
        """Return how long a test may take; until the import begins, the interpreter has as long as that."""
        limits = self.order.limits
        if begun is None or begun.test == IMPORT or not self.left:
            return limits.importing
        # Where torch was slow to be imported, everything is slow: a machine under load, files from afar.
        return max(limits.test, self.imported_in) * self.left[0][0].patience

    def _imported(self, told: Told) -> bool:
        """Take what came of the import; False where it failed."""
        result = result_told(told, "")
        if result.status is not Status.PASSED:
            self._not_imported(result)
            return False
        self.imported_in = max(self.imported_in, min(result.seconds or 0.0, self.order.limits.importing))
        if not self.torch:
            self.torch = {**_plain(told.words.get("torch")), "import_seconds": result.seconds}
            if not self.order.limits.importing_counts:
                self.over_at = time.monotonic() + self.order.limits.battery
        return True

    def _not_imported(self, result: TestResult) -> None:
        if self.torch:
            self.trouble = f"torch could not be imported again: {result.message}"
        else:
            self.trouble = f"torch could not be imported: {result.message}"
            self.failed_import = result

    def _told(self, told: Told, window: tuple[float, float]) -> None:
        """Take the result of the test that is next; a child that speaks of another is not listened to."""
        case, device = self.left[0]
        if (told.test, told.device) != (case.name, device):
            return
        about = _plain(told.words.get("about"))
        if about and device not in self.devices:
            self.devices[device] = {**about, "device": device}
        self._settle(case, result_told(told, case.library_on(device)), window)

    def _gone(self, gone: Gone, window: tuple[float, float], *, imported: bool) -> Ending | None:
        """The child is no more: blame what ran. Returned is how it ended where nothing did."""
        ending = gone.ending
        if ending is OVER and not imported and not self.torch:
            self.trouble = f"{TIME_OVER} before torch was imported"
        elif ending is OVER:
            self.trouble = TIME_OVER
        elif imported and gone.test is None:
            return ending._replace(status=Status.CRASHED, message=f"{BEFORE.message}: {ending.message}")
        elif imported:
            case, device = self.left[0]
            self._settle(case, result_blamed(case.name, device, case.library_on(device), ending), window)
        elif gone.test is None and not self.torch:
            said = ending.output.rpartition("\n")[2] or ending.message
            self.trouble = f"{self.order.python} did not come to import torch: {said}"
        else:
            self._not_imported(result_blamed(IMPORT, "cpu", "", ending))
        return None

    def _blame_next(self, ending: Ending) -> None:
        """A child ended between two tests: that may happen once, then the test it did not come to is blamed."""
        self.idle += 1
        if self.idle == IDLE_CHILDREN and self.left:
            self.idle = 0
            case, device = self.left[0]
            self._settle(case, result_blamed(case.name, device, case.library_on(device), ending))

    def _settle(self, case: Case, result: TestResult, window: tuple[float, float] | None = None) -> None:
        """A test that was left has its result."""
        self.left.remove((case, result.device))
        self.results[case.name, result.device] = result
        if window:
            self.windows[case.name, result.device] = window
        self.tell(Progress(self._done, len(self.order.items), case.name, result.device, result))
        if case.name == START and result.device != "cpu" and (result.poisoned or result.status in NO_START):
            self._give_up(result.device)

    def _give_up(self, device: str) -> None:
        """Skip what is left on a GPU that does not start: each test would cost an import of torch and fail alike."""
        reason = f"the test `{START}` did not pass on {device}"
        for case, where in tuple(self.left):
            if where in (device, "cuda"):
                self._settle(case, TestResult(case.name, where, Status.SKIPPED, case.library_on(where), message=reason))

    @property
    def _done(self) -> int:
        return len(self.results)

    def _workplace(self, number: int) -> tuple[str | None, dict[str, str]]:
        """Make a child its folders, and return that of its tests and the environment it runs in.

        What the compilers of `torch.compile` would write into the home of the user goes into the temporary folder, and
        what a child that is killed leaves of temporary files does so too.
        """
        environ = dict(os.environ if self.order.environ is None else self.order.environ)
        environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # more would be processes of their own
        if self.folder is None:
            return None, environ
        place = os.path.join(self.folder, str(number))
        files, temporary = os.path.join(place, "files"), os.path.join(place, "tmp")
        try:
            os.makedirs(files)
            os.makedirs(temporary)
        except OSError:  # the disk is full
            return None, environ
        environ |= {name: os.path.join(place, folder) for name, folder in CACHES.items()}
        return files, environ | dict.fromkeys(TEMPORARY, temporary)


def _plain(said: Value) -> dict[str, Value]:
    """Return what a child said of something: words and whole numbers, whatever else may stand among them."""
    if not isinstance(said, dict):
        return {}
    return {key: value for key, value in said.items() if isinstance(value, (str, int)) and not isinstance(value, bool)}
