"""A bench to build at without GitHub: a repository on disk, the real sandbox, an agent that is a few lines of shell.

The repository's suite runs every `tests/*.sh`; `price` must print the sum of its arguments and does not.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from github_app.core.brief import Work
from github_app.core.names import Category, InstallationId, Instant, RepositoryId, Sha, State, TaskId, Tier, UserId
from github_app.core.policy import Agent, Checks, Policy
from github_app.core.task import Task
from github_app.git.mirror import Mirror
from github_app.git.place import lay_out
from github_app.git.remote import Remote
from github_app.policy.read import default_policy
from github_app.settings import read_settings
from github_app.wiring import make_workshop
from github_app.worker.build import Built, build
from github_app.worker.live import LiveRun
from github_app.worker.workshop import Order, Workshop

OUR_TOKEN = "ghs_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2"
FILES = {
    "README.md": "# shop\n",
    "price": "echo 0\n",
    "suite": "set -e\nfor t in tests/*.sh; do sh $t; done\n",
    "tests/runs.sh": "set -e\nsh ./price >out\ntest -s out\nrm out\n",
    "docs/manual.md": "".join(f"line {n}\n" for n in range(30)),
}
ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "x",
    "GIT_AUTHOR_EMAIL": "x@example.org",
    "GIT_COMMITTER_NAME": "x",
    "GIT_COMMITTER_EMAIL": "x@example.org",
}


def this_machine(place: Path) -> Workshop:
    settings = read_settings(_env_file=None, data_dir=place)
    return make_workshop(settings, lambda: (OUR_TOKEN,))


def git(where, *args):
    return subprocess.run(["git", *args], cwd=where, env=ENV, capture_output=True, text=True, check=True).stdout.strip()


def a_task(category: str = "bugfix", **more) -> Task:
    given: dict[str, Any] = {
        "id": TaskId(7),
        "version": 1,
        "state": State.RUNNING,
        "installation_id": InstallationId(1),
        "repository_id": RepositoryId(1),
        "repository": "acme/shop",
        "issue_number": 3,
        "title": "The price is always 0",
        "category": Category(category),
        "tier": Tier.PROPOSED,
        "digest": "0123456789ab",
        "subject": "{}",
        "policy_version": "p",
        "base": None,
        "requester_id": UserId(1),
        "requester": "maintainer",
        "reason_code": "tier.proposed",
        "reason": "Because.",
        "attempts": 1,
        "fence": 1,
        "created_at": Instant(0),
        "updated_at": Instant(0),
        "run_after": Instant(0),
    }
    return Task(**{**given, **more})


@dataclass
class Bench:
    """What is needed to build; `build` makes one attempt by a shell script."""

    place: Path
    shop: Workshop
    mirror: Mirror
    policy: Policy
    tasks: int = 0

    @classmethod
    def make(cls, place: Path, machine: Workshop) -> "Bench":
        """Make a bench in a folder of its own; `machine` has what was found out about this machine once."""
        work = place / "work"
        lay_out(work)
        shop = replace(machine, work_dir=work, logs=place / "logs", patches=place / "patches")
        checks = Checks(check={"suite": ("sh", "suite")}, minutes=1)
        policy = replace(default_policy(), checks=checks)
        return cls(place=place, shop=shop, mirror=Mirror.open(work / "mirrors", "1"), policy=policy)

    def commit(self, files: Mapping[str, str | bytes | None] = FILES) -> Sha:
        """Commit files on the upstream's main branch and fetch it."""
        upstream = self.place / "upstream"
        if not upstream.exists():
            upstream.mkdir()
            git(upstream, "init", "-q", "-b", "main")
        for name, content in files.items():
            where = upstream / name
            where.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                where.unlink()
            else:
                where.write_bytes(content.encode() if isinstance(content, str) else content)
        git(upstream, "add", "-A")
        git(upstream, "commit", "-q", "--allow-empty", "-m", "x")
        return self.mirror.fetch(Remote.at(upstream), "main", None)

    def order(
        self, script: str, *, category: str = "bugfix", base: Sha | None = None, review: str = "", **rules
    ) -> Order:
        self.tasks += 1
        command, reviewer = ("sh", "-c", script), ("sh", "-c", review) if review else ()
        policy = replace(self.policy, agent=Agent(command=command, review=reviewer), **rules)
        task = a_task(category, id=TaskId(self.tasks))
        work = Work(
            repository=task.repository, issue_number=3, title=task.title, body="It should be the sum.",
            category=task.category, how="Fix it.",
        )  # fmt: skip
        return Order(
            task=task, work=work, policy=policy, review_how="Look.", mirror=self.mirror, base=base or self.commit(),
            requester_email="m@example.org", now=Instant(1_000_000_000_000),
        )  # fmt: skip

    def live(self, order: Order, lease: float | None = None) -> LiveRun:
        return LiveRun(self.shop.sandbox, order.task.id, order.task.fence, lease)

    def build(self, script: str, **given) -> Built:
        order = self.order(script, **given)
        with build(order, self.shop, self.live(order), lambda _: None) as built:
            return built

    def left(self) -> list[str]:
        """What runs have left behind."""
        work = self.shop.work_dir
        found = [*(work / "runs").glob("*"), *(work / "trash").glob("*"), *work.glob("mirrors/*.git/worktrees/*")]
        return sorted(str(path.relative_to(work)) for path in found)
