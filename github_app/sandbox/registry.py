"""Which wall to use: the one asked for by name, or the strongest that works here. Never none unless asked for."""

from github_app.core.confinement import Probe, Wall
from github_app.errors import SandboxError
from github_app.sandbox.account import find_account
from github_app.sandbox.backends import BACKENDS
from github_app.sandbox.guarded import GuardedSandbox

AUTO = "auto"


def sandbox_named(name: str, *, agent_user: str | None = None) -> GuardedSandbox:
    """Return the sandbox of that name, untried. Raises SandboxError for an unknown name or an impossible account."""
    if name not in BACKENDS:
        raise SandboxError(f"there is no sandbox named {name!r}", hint=f"one of {', '.join((AUTO, *BACKENDS))}")
    return GuardedSandbox(BACKENDS[name], find_account(agent_user))


def choose(wanted: str | None, *, agent_user: str | None = None) -> tuple[GuardedSandbox, Probe]:
    """Return a sandbox that works here and what its probe found.

    `wanted` is a backend's name; None or "auto" takes the strongest that probes green, never `none`. Raises
    SandboxError with the sentence of every backend that was tried.
    """
    if wanted is not None and wanted != AUTO:
        sandbox = sandbox_named(wanted, agent_user=agent_user)
        probe = sandbox.probe()
        if not probe.works:
            raise SandboxError(f"the sandbox {wanted} does not work here: {probe.sentence}")
        return sandbox, probe
    refusals = []
    strongest_first = sorted(BACKENDS.values(), key=lambda backend: backend.wall, reverse=True)
    for backend in strongest_first:
        if backend.wall > Wall.NONE:
            sandbox = sandbox_named(backend.name, agent_user=agent_user)
            probe = sandbox.probe()
            if probe.works:
                return sandbox, probe
            refusals.append(f"{backend.name}: {probe.sentence}")
    raise SandboxError(
        f"no sandbox works here ({'; '.join(refusals)})",
        hint="use Linux 6.12 or newer, or install bubblewrap; REMIT_SANDBOX=none runs agents without any wall",
    )
