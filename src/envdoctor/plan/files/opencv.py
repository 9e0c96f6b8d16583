"""OpenCV without the libraries of a display: its headless build, or the system's libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.plan.files.system_packages import conda_package, system_package

if TYPE_CHECKING:
    from envdoctor.plan.solve import Solver

HEADLESS = {
    "opencv-python": "opencv-python-headless",
    "opencv-contrib-python": "opencv-contrib-python-headless",
}


def without_display(solver: Solver, libraries: tuple[str, ...]) -> list[Plan]:
    """Return the ways out, the nearest first: in a container the headless build, elsewhere the system's libraries."""
    machine = solver.machine
    system = system_package(machine, libraries, "OpenCV")
    ways: list[tuple[Step, ...]] = [(system,)]
    conda = conda_package(machine, libraries, solver.installing.order((), None).prefix)
    if conda is not None:
        ways.insert(0, (conda,))
    headless = _headless(solver)
    if headless:
        ways.insert(0 if machine.told("host.kind") == "container" else len(ways), headless)
    return [Plan(Status.SOLVED, None, steps) for steps in ways]


def _headless(solver: Solver) -> tuple[Step, ...]:
    """Return the steps that put the headless build of the same version into the place of each flavour with windows."""
    machine = solver.machine
    installed = machine.table("opencv.packages") if machine.is_known("opencv.packages") else {}
    present = {name: version for name, version in installed.items() if name in HEADLESS and isinstance(version, str)}
    if not present:
        return ()
    why = "OpenCV without windows (`cv2.imshow`) needs no library of a display"
    tool = solver.installing.by_project
    if tool is not None:
        named = " and ".join(f"{HEADLESS[name]}=={version}" for name, version in present.items())
        said = f"{why}: name {named} in place of {' and '.join(present)} in the project that {tool} keeps"
        return (Step("change-release", Applicability.MANUAL, said),)
    # All flavours install the same folder cv2: what one of them takes away, the other has to bring again.
    requirements = tuple(f"{HEADLESS[name]}=={version}" for name, version in present.items())
    order = solver.installing.order(requirements, None, again=True)
    gone = solver.installing.remove(
        tuple(present), f"takes {' and '.join(present)} away, whose place the next step fills"
    )
    return (gone, solver.installing.mend(order, why))
