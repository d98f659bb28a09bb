"""What an agent adapter is asked and what it answers. An adapter builds a confinement and reads what came of it.

Adapters start nothing themselves and import no sandbox; the brief, the tree and everything an agent wrote is data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol

from github_app.core.confinement import Bounds, Confinement, Ended


class Purpose(StrEnum):
    """What an agent is started for."""

    WORK = "work"
    REVIEW = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentJob:
    """One start of an agent.

    `argv` is the program from policy and its arguments. `tree` is the working directory. `scratch` is an empty
    directory for this run alone, outside the tree: its home, its temporary files, its brief and what it hands back.
    The adapter fills it first (`Adapter.confinement`), then the caller lets the sandbox adopt it, then the run starts.
    `stdout` and `stderr` are files of ours. `search_path` is the sandbox's PATH. `env` is added to the adapter's own
    allow-list, and may not name a variable of it.
    """

    purpose: Purpose
    brief: str
    argv: tuple[str, ...]
    tree: Path
    scratch: Path
    stdout: Path
    stderr: Path
    search_path: str
    bounds: Bounds = field(default_factory=Bounds)
    extra_readable: tuple[Path, ...] = ()
    extra_writable: tuple[Path, ...] = ()
    connect: tuple[int, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


class AgentOutcome(StrEnum):
    """How an agent's run is judged, before anybody looks at the tree."""

    DONE = "done"
    BLOCKED = "blocked"  # the agent says that it cannot, and why
    REFUSED = "refused"  # the model declined the work
    FAILED = "failed"  # ended by itself with an error
    CRASHED = "crashed"  # ended by a signal that was not ours
    TIMED_OUT = "timed_out"
    SILENT = "silent"
    TOO_MUCH_OUTPUT = "too_much_output"
    TOO_MUCH_MEMORY = "too_much_memory"
    TOO_MUCH_DISK = "too_much_disk"
    TURN_LIMIT = "turn_limit"
    BUDGET = "budget"
    PROVIDER_LIMIT = "provider_limit"  # the model's provider says not now
    PROVIDER_KEY = "provider_key"  # the model's provider does not accept the key
    NOT_INSTALLED = "not_installed"
    CANCELLED = "cancelled"
    LEASE_LOST = "lease_lost"
    BROKEN = "broken"  # the sandbox failed: the result does not count

    @property
    def retryable(self) -> bool:
        """Say whether another attempt, unchanged but for its limits, may end differently."""
        return self in _RETRYABLE

    @property
    def spends_attempt(self) -> bool:
        """Say whether it was the agent's own doing; what was not gives the attempt back."""
        return self not in _NOT_ITS_DOING


_NOT_ITS_DOING = frozenset(
    {
        AgentOutcome.PROVIDER_LIMIT,
        AgentOutcome.PROVIDER_KEY,
        AgentOutcome.CANCELLED,
        AgentOutcome.LEASE_LOST,
        AgentOutcome.BROKEN,
    }
)
_RETRYABLE = frozenset(
    {
        AgentOutcome.FAILED,
        AgentOutcome.CRASHED,
        AgentOutcome.TIMED_OUT,
        AgentOutcome.SILENT,
        AgentOutcome.TURN_LIMIT,
        AgentOutcome.PROVIDER_LIMIT,
        AgentOutcome.LEASE_LOST,
        AgentOutcome.BROKEN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResult:
    """What came of a run. `summary` is bounded text for people, still foreign; unknown numbers are None, never zero.

    `findings_json` is what a review handed back, unparsed and bounded; None when it handed back nothing.
    """

    outcome: AgentOutcome
    sentence: str
    summary: str = ""
    turns: int | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    findings_json: str | None = None


class Adapter(Protocol):
    """One agent CLI."""

    name: ClassVar[str]

    def confinement(self, job: AgentJob) -> Confinement:
        """Write what the agent needs into its scratch directory and return how to run it. Raises UsageError."""

    def read(self, job: AgentJob, ended: Ended) -> AgentResult:
        """Judge a run that has ended. Never raises for anything an agent wrote."""
