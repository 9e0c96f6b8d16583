"""Which way a plan is carried out, and what is left to a person."""

from __future__ import annotations

import pytest

from envdoctor.fix import route as routes
from envdoctor.fix.route import Route, route
from envdoctor.model.change import Installs, Into, Removes
from envdoctor.model.fact import Known
from envdoctor.model.fix import Way
from envdoctor.model.machine import Machine
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.model.snapshot import Snapshot

UNSAFE, MANUAL = Applicability.UNSAFE, Applicability.MANUAL
TORCH = Installs(("torch==2.9.1+cpu",))
BY_PIP = Step("install-wheels", UNSAFE, "puts torch there", ("/x/bin/python", "-m", "pip", "install"), change=TORCH)
BY_UV = Step("install-wheels", UNSAFE, "puts torch there", ("uv", "pip", "install", "--python", "/x"), change=TORCH)
GONE = Step("uninstall-package", UNSAFE, "removes", ("/x/bin/python", "-m", "pip", "uninstall"), change=Removes(("a",)))
DRIVER = Step("upgrade-driver", MANUAL, "a driver of 580 or later")
SHELL = Step("set-env", Applicability.SAFE, "hides the GPU", ("export", "CUDA_VISIBLE_DEVICES=0"))
NEW = Step("create-environment", MANUAL, "new", ("uv", "venv", ".venv-torch"), change=Installs((), Into.NEW))
IN_NEW = Step("install-wheels", MANUAL, "there", ("uv", "pip"), change=Installs(("torch==2.9.1",), Into.NEW))


def machine(**facts: str) -> Machine:
    told = {"python_environment": "venv", "host_platform": "linux-x86_64"} | facts
    return Machine(Snapshot({name.replace("_", ".", 1): Known(value, "test") for name, value in told.items()}))


def planned(*steps: Step, status: Status = Status.SOLVED, **more: object) -> Plan:
    return Plan(status, steps=steps, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [BY_PIP, BY_UV, GONE])
def test_an_installer_works_in_a_copy(step: Step) -> None:
    assert route(machine(), planned(step)) == Route(Way.CLONE, (step,))


def test_what_is_for_a_person_is_left_to_one() -> None:
    found = route(machine(), planned(DRIVER, BY_PIP, SHELL, GONE))
    assert (found.steps, found.by_hand) == ((BY_PIP, GONE), (DRIVER, SHELL))


def test_nothing_is_carried_out_of_a_plan_for_a_person() -> None:
    found = route(machine(), planned(DRIVER))
    assert (found.way, found.steps, found.by_hand) == (Way.BY_HAND, (), (DRIVER,))
    assert "a driver of 580 or later" in found.reason


@pytest.mark.parametrize(
    ("program", "manager"), [(("uv", "add"), "uv"), (("poetry", "-C", "/p", "add"), "poetry"), (("pdm", "add"), "pdm")]
)
def test_a_project_is_changed_by_its_manager(program: tuple[str, ...], manager: str) -> None:
    step = Step("install-wheels", UNSAFE, "pins", (*program, "torch==2.9.1+cpu"), change=TORCH)
    found = route(machine(python_project="/p"), planned(step))
    assert (found.way, found.manager, found.project) == (Way.PROJECT, manager, "/p")


@pytest.mark.parametrize("program", routes.CONDA_PROGRAMS)
def test_conda_makes_an_environment_of_its_own(program: str) -> None:
    step = Step("install-with-conda", UNSAFE, "writes anew", (program, "install", "pytorch"))
    assert route(machine(python_environment="conda"), planned(step)).way is Way.CONDA


def test_pixi_is_for_a_person() -> None:
    step = Step("install-wheels", UNSAFE, "pins", ("pixi", "add", "pytorch"), change=TORCH)
    found = route(machine(python_environment="conda"), planned(step))
    assert (found.way, found.steps, found.reason) == (Way.BY_HAND, (), routes.PIXI)


@pytest.mark.parametrize("kind", ["system", "standalone", "conda"])
def test_only_virtual_environments_are_copied(kind: str) -> None:
    found = route(machine(python_environment=kind), planned(BY_PIP))
    assert (found.steps, found.by_hand, found.reason) == ((), (BY_PIP,), routes.NO_VENV)


def test_windows_is_for_a_person() -> None:
    assert route(machine(host_platform="windows-x86_64"), planned(BY_PIP)).reason == routes.WINDOWS


def test_a_system_python_gets_a_new_environment_where_a_folder_is_named() -> None:
    plan, system = planned(NEW, IN_NEW), machine(python_environment="system")
    assert route(system, plan).steps == ()
    assert "--into" in route(system, plan).reason
    found = route(system, plan, elsewhere=True)
    assert (found.way, found.steps, found.made_new) == (Way.CLONE, (NEW, IN_NEW), True)


def test_what_cannot_be_solved_says_why() -> None:
    assert route(machine(), planned(status=Status.IMPOSSIBLE)).reason == routes.NOTHING_FITS
    unknown = planned(status=Status.IMPOSSIBLE, undecided=True, because=("driver.version is not known",))
    assert "driver.version is not known" in route(machine(), unknown).reason
