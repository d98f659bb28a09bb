"""What a machine has to build with, and what it is asked to build."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from github_app.agents.contract import Adapter, AgentJob, AgentResult, Purpose
from github_app.core.brief import Work
from github_app.core.confinement import Bounds, Confinement, Ended, Sandbox
from github_app.core.names import Instant, Sha
from github_app.core.policy import Agent, Policy
from github_app.core.task import Task
from github_app.errors import NotConfiguredError
from github_app.git.mirror import Mirror
from github_app.git.worktree import Confiner, Run
from github_app.worker.live import LiveRun

PATCH_LIMIT = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a machine has to build with. `environment` is what agents get besides their own variables."""

    sandbox: Sandbox
    search_path: str
    work_dir: Path
    logs: Path
    patches: Path
    adapters: Mapping[str, Adapter]
    author_name: str
    author_email: str
    secrets: Callable[[], tuple[str, ...]]
    environment: Mapping[str, str]

    def confiner(self, live: LiveRun, *, salvage: bool = False) -> Confiner:
        """Return how git's untrusted parts are run for one attempt."""

        def run(confinement: Confinement) -> Ended:
            return live.confined(confinement, salvage=salvage)

        return Confiner(run=run, adopt=self.sandbox.adopt, reclaim=self.sandbox.reclaim)

    def ask(self, order: "Order", live: LiveRun, run: Run, purpose: Purpose, brief: str) -> AgentResult:
        """Run the policy's agent in a worktree and return what came of it.

        A reviewer may only read the tree. Absolute paths in the agent's command can be read inside: they are the
        self-hoster's own programs. Raises StoppedError, SandboxError, NotConfiguredError.
        """
        agent = order.policy.agent_for(order.task.category)
        working = purpose is Purpose.WORK
        argv = agent.command if working else agent.review
        adapter = self._adapter(agent, argv)
        log = self.logs / order.run_id
        log.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = run.path / "job"
        scratch.mkdir(mode=0o700)
        limits = order.policy.limits
        job = AgentJob(
            purpose=purpose,
            brief=brief,
            argv=argv,
            tree=run.tree,
            scratch=scratch,
            stdout=log / f"{purpose}.out",
            stderr=log / f"{purpose}.err",
            search_path=self.search_path,
            bounds=Bounds(
                wall_seconds=limits.minutes * 60,
                silence_seconds=limits.silence_minutes * 60,
                output_bytes=limits.output_bytes,
                memory_bytes=limits.memory_megabytes << 20,
                processes=limits.processes,
            ),
            extra_readable=(*run.readable, *_programs(argv), *(() if working else (run.git_dir,))),
            extra_writable=(run.git_dir,) if working else (),
            env=self.environment,
        )
        confinement = adapter.confinement(job)
        if not working:
            writable = tuple(path for path in confinement.writable if path != run.tree)
            confinement = replace(confinement, readable=(*confinement.readable, run.tree), writable=writable)
        self.sandbox.adopt(scratch)
        return adapter.read(job, live.confined(confinement))

    def _adapter(self, agent: Agent, argv: tuple[str, ...]) -> Adapter:
        """Return who works for an agent of the policy. Raises NotConfiguredError when nobody can."""
        adapter = self.adapters.get(agent.adapter)
        if adapter is None:
            known = ", ".join(sorted(self.adapters))
            raise NotConfiguredError(f"The policy names the agent {agent.adapter!r}; this server has: {known}.")
        if not argv:
            raise NotConfiguredError(
                "No agent is configured: the policy's agent has no command.",
                hint="set `agent.command` in the server's policy (REMIT_POLICY_FILE)",
            )
        return adapter


def _programs(argv: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(Path(word) for word in argv if word.startswith("/") and Path(word).exists())


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One attempt to be made."""

    task: Task
    work: Work
    policy: Policy
    review_how: str
    mirror: Mirror
    base: Sha
    requester_email: str
    now: Instant

    @property
    def run_id(self) -> str:
        """Return the name of this attempt's directories; unique for as long as the database lives."""
        return f"{self.task.id}-{max(self.task.attempts, 1)}-{self.task.fence}"
