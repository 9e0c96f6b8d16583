"""The gallery: every described machine, by name.

On the healthy ones nothing above a note may be said, and nothing may be left undecided; on each of the others, at
least one for every rule, the stated finding must come first.
"""

from __future__ import annotations

from broken_binaries import BROKEN_BINARIES
from broken_builds import BROKEN_BUILDS
from broken_drivers import BROKEN_DRIVERS
from broken_packages import BROKEN_PACKAGES
from healthy_binaries import HEALTHY_BINARIES
from healthy_containers import HEALTHY_CONTAINERS
from healthy_environments import HEALTHY_ENVIRONMENTS
from healthy_platforms import HEALTHY_PLATFORMS
from healthy_servers import HEALTHY_SERVERS
from smoked_machines import SMOKED_MACHINES

_ALL = (
    *HEALTHY_SERVERS,
    *HEALTHY_ENVIRONMENTS,
    *HEALTHY_CONTAINERS,
    *HEALTHY_PLATFORMS,
    *HEALTHY_BINARIES,
    *BROKEN_DRIVERS,
    *BROKEN_BUILDS,
    *BROKEN_PACKAGES,
    *BROKEN_BINARIES,
    *SMOKED_MACHINES,
)

CASES = {case.name: case for case in _ALL}
assert len(CASES) == len(_ALL), "two machines of one name"
