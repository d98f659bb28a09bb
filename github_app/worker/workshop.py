"""What a machine has to build with, what it is asked to build, and what it keeps: logs, and work not published."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from github_app.agents.contract import Adapter, AgentJob, AgentResult, Purpose
from github_app.core.brief import Work
from github_app.core.confinement import Bounds, Confinement, Ended, Sandbox, Wall
from github_app.core.names import Instant, Sha, TaskId
from github_app.core.policy import Agent, Policy
from github_app.core.task import Task
from github_app.errors import NotConfiguredError
from github_app.git.mirror import Mirror
from github_app.git.worktree import Confiner, Run
from github_app.worker.live import LiveRun

PATCH_LIMIT = 4_000_000
DAY = 86_400
PATCH_DAYS = 7
LOG_DAYS = 30


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

    def require_wall(self, policy: Policy) -> None:
        """Raise NotConfiguredError when this machine's wall is weaker than the policy accepts."""
        weakest = Wall[policy.weakest_wall.upper()]
        if self.sandbox.wall < weakest:
            raise NotConfiguredError(
                f"The policy accepts no isolation weaker than {weakest}; this machine has {self.sandbox.wall}.",
                hint="install bubblewrap or use a newer kernel, or set `weakest_wall` in the server's policy",
            )

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

    def save_patch(self, run_id: str, patch: bytes) -> None:
        """Keep the work of a run for people, for a week or until `drop_patches`."""
        self.patches.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self.patches / f".{run_id}.new"
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(patch)
        beside.rename(self.patches / f"{run_id}.patch")

    def kept_patches(self, task_id: TaskId) -> tuple[str, ...]:
        """Return the names of what is kept of a task's runs, the newest last."""
        found = self.patches.glob(f"{task_id}-*.patch") if self.patches.is_dir() else ()
        return tuple(path.name for path in sorted(found, key=lambda path: path.lstat().st_mtime_ns))

    def drop_patches(self, task_id: TaskId) -> None:
        """Forget the work of a task's runs: the result is published, and nothing can be lost any more."""
        for name in self.kept_patches(task_id):
            (self.patches / name).unlink(missing_ok=True)

    def forget_old(self, now: float) -> int:
        """Remove patches older than a week and logs older than a month; `now` in seconds. Returns how many."""
        gone = 0
        for folder, days in ((self.patches, PATCH_DAYS), (self.logs, LOG_DAYS)):
            if not folder.is_dir():
                continue
            for path in folder.iterdir():
                if path.lstat().st_mtime < now - days * DAY:
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
                    gone += 1
        return gone

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
        """Return the name of this attempt's directories and patch; unique for as long as the database lives."""
        return f"{self.task.id}-{max(self.task.attempts, 1)}-{self.task.fence}"
