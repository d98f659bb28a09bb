"""The scenario of `remit demo`: what people do, step by step. It only acts through the local GitHub, as people would.

Each step is remembered when it is done, so that a demo that was killed goes on where it was.
"""

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from github_app.core.names import RepositoryId, State
from github_app.core.task import ENDED, Task
from github_app.demo.hub import Hub
from github_app.demo.seed import (
    DUPLICATE,
    EDITED_BODY,
    FIRST,
    MAINTAINER,
    PEOPLE,
    REPOSITORY,
    REVIEWER,
    SEEDS,
    TOGETHER,
    Seed,
)
from github_app.errors import RemitError
from github_app.store import view
from github_app.store.session import Database

PATIENCE_SECONDS = 120
BURST = 5
_DIGEST = re.compile(r"/approve ([0-9a-f]{12})")


@dataclass(slots=True)
class Diary:
    """What has been done, in a file that is replaced after every step. `ports` are those of the page and of GitHub."""

    path: Path
    version: str = ""
    ports: list[int] = field(default_factory=lambda: [0, 0])
    issues: dict[str, int] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    seeded: bool = False
    finished: bool = False

    @classmethod
    def at(cls, path: Path) -> "Diary | None":
        """Read the diary of an earlier start; None when there is none that this code wrote."""
        if not path.exists():
            return None
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            return cls(path=path, **known)
        except (ValueError, TypeError):
            return None

    def save(self) -> None:
        """Write it down."""
        known = {name: getattr(self, name) for name in ("version", "ports", "issues", "done", "seeded", "finished")}
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(known), encoding="utf-8")
        fresh.replace(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The people of the demo. `pause` and `resume` hold the worker's starts; `over` ends the scenario early.

    What was done already is read from the local GitHub, not only from the diary: a kill may come between the two.
    """

    hub: Hub
    db: Database
    diary: Diary
    pause: Callable[[], None]
    resume: Callable[[], None]
    say: Callable[[str], None]
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def starts_are_held(self) -> bool:
        """Say whether the scenario was interrupted in a step that held the worker's starts."""
        done = self.diary.done
        if "first" in done and "together" not in done:
            return True
        return "duplicate" in done and "void" not in done and bool(self._approvals("void")) and not self._edited()

    def play(self) -> None:
        """Do every step that was not done yet. Raises RemitError when something expected does not come."""
        for name, step in (
            ("first", self._first),
            ("together", self._together),
            ("approve", self._approve),
            ("reject", self._reject),
            ("duplicate", self._duplicate),
            ("void", self._void),
            ("settle", self._settle),
            ("merge", self._merge),
        ):
            if name not in self.diary.done:
                step()
                self.diary.done.append(name)
                self.diary.save()
        self.diary.finished = True
        self.diary.save()

    def task(self, story: str) -> Task | None:
        """Return the newest task of a story's issue."""
        number = self.diary.issues.get(story)
        return None if number is None else newest_task(self.db, self._repository_id(), number)

    def _first(self) -> None:
        self._open(FIRST)
        self._wait("the first pull request", lambda: self._reached(State.IN_REVIEW))

    def _together(self) -> None:
        """Open the others: as many as the cap admits, then more. Nothing starts meanwhile, so that it fills up."""
        with self._starts_held():
            for some in (TOGETHER[:BURST], TOGETHER[BURST:]):
                for seed in some:
                    self._open(seed)
                numbers = [self.diary.issues[seed.story] for seed in some]
                self._wait("a decision about every issue", lambda numbers=numbers: all(map(self._decided, numbers)))

    def _approve(self) -> None:
        if not self._approvals("bug"):
            digest = self._proposal("bug")
            _next_second()
            self.say(f"{REVIEWER} approves the bug fix, as {digest}")
            self._comment("bug", f"/approve {digest}", REVIEWER)

    def _reject(self) -> None:
        if not self._said("feature", MAINTAINER):
            self._proposal("feature")
            self.say(f"{MAINTAINER} rejects the feature")
            self._comment("feature", "/reject not this quarter", MAINTAINER)
        self._wait("the rejection", lambda: _is(self.task("feature"), State.REJECTED))

    def _duplicate(self) -> None:
        self._open(DUPLICATE)
        number = self.diary.issues["duplicate"]
        self._wait("the refusal of the duplicate", lambda: self._decided(number))

    def _void(self) -> None:
        number = self.diary.issues["void"]
        with self._starts_held():
            if not self._edited():
                if not self._approvals("void"):
                    first = self._proposal("void")
                    self.say(f"{REVIEWER} approves, then the issue is edited before the start")
                    _next_second()
                    self._comment("void", f"/approve {first}", REVIEWER)
                self._wait("the approval", lambda: _is(self.task("void"), State.QUEUED))
                _next_second()
                self.hub.edit_issue(REPOSITORY, number, by=MAINTAINER, body=EDITED_BODY)
            approved = self._approvals("void")
            self._wait("a new proposal", lambda: self._proposal_now("void") not in {None, approved[0]})
        if len(approved) == 1:
            second = self._proposal("void")
            _next_second()
            self.say(f"{REVIEWER} reads it again and approves {second}")
            self._comment("void", f"/approve {second}", REVIEWER)

    def _settle(self) -> None:
        quiet = {*ENDED, State.IN_REVIEW}
        stories = [seed.story for seed in SEEDS]
        self._wait("every task to end", lambda: all((t := self.task(s)) is None or t.state in quiet for s in stories))

    def _merge(self) -> None:
        task = self.task("docs")
        if task is None or task.pull_number is None:
            raise RemitError("the first task has no pull request")
        pull = self.hub.repository(REPOSITORY).issue(task.pull_number).pull
        if pull is not None and not pull.merged:
            self.say(f"{MAINTAINER} merges #{task.pull_number}")
            self.hub.merge(REPOSITORY, task.pull_number, MAINTAINER)
        self._wait("the merge", lambda: _is(self.task("docs"), State.COMPLETED))

    def _reached(self, state: State) -> bool:
        """Say whether the first task is there; when it failed, waiting longer is in vain."""
        task = self.task("docs")
        if task is not None and task.state is State.FAILED:
            raise RemitError(
                f"the first task failed: {task.reason}", hint=f"look into {self.diary.path.with_name('remit.log')}"
            )
        return _is(task, state)

    @contextlib.contextmanager
    def _starts_held(self) -> Generator[None]:
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def _open(self, seed: Seed) -> None:
        """Open an issue unless that was done before the demo was killed."""
        found = next((i.number for i in self.hub.repository(REPOSITORY).issues if i.title == seed.title), None)
        if found is None:
            self.say(f"{seed.by} opens “{seed.title}” with {', '.join(seed.labels)}")
            found = self.hub.open_issue(REPOSITORY, seed.title, seed.body, seed.by, labels=seed.labels, form=seed.form)
        self.diary.issues[seed.story] = found
        self.diary.save()

    def _comment(self, story: str, body: str, by: str) -> None:
        self.hub.comment(REPOSITORY, self.diary.issues[story], body, by)

    def _said(self, story: str, by: str) -> list[str]:
        """Return what a person has written under an issue."""
        comments = self.hub.repository(REPOSITORY).issue(self.diary.issues[story]).comments
        return [comment.body for comment in comments if comment.author == by]

    def _approvals(self, story: str) -> list[str]:
        """Return the digests that the reviewer has approved, oldest first."""
        return [found.group(1) for body in self._said(story, REVIEWER) if (found := _DIGEST.match(body))]

    def _edited(self) -> bool:
        return self.hub.repository(REPOSITORY).issue(self.diary.issues["void"]).body == EDITED_BODY

    def _proposal(self, story: str) -> str:
        self._wait(f"the proposal for the {story} issue", lambda: self._proposal_now(story) is not None)
        digest = self._proposal_now(story)
        if digest is None:
            raise RemitError(f"the proposal for the {story} issue is gone")
        return digest

    def _proposal_now(self, story: str) -> str | None:
        """Return the digest that the newest proposal comment on an issue shows, as a person would read it."""
        comments = self.hub.repository(REPOSITORY).issue(self.diary.issues[story]).comments
        ours = [comment.body for comment in comments if comment.author not in PEOPLE]
        shown = [found.group(1) for body in ours if (found := _DIGEST.search(body))]
        return shown[-1] if shown else None

    def _decided(self, number: int) -> bool:
        return view.latest_decision(self.db, self._repository_id(), number) is not None

    def _repository_id(self) -> RepositoryId:
        return RepositoryId(self.hub.repository(REPOSITORY).id)

    def _wait(self, what: str, seen: Callable[[], Any]) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not seen():
            if self.over.wait(0.05):
                raise RemitError("the scenario was interrupted")
            if time.monotonic() > until:
                raise RemitError(
                    f"waited {PATIENCE_SECONDS} s for {what} and it did not come",
                    hint=f"look into {self.diary.path.with_name('remit.log')}",
                )


def newest_task(db: Database, repository_id: RepositoryId, number: int) -> Task | None:
    """Return the newest task of an issue, open or ended."""
    decision = view.latest_decision(db, repository_id, number)
    tasks = [task for task in view.page(db, repository_id=repository_id, limit=500) if task.issue_number == number]
    return tasks[0] if tasks and decision is not None else None


def _is(task: Task | None, *states: State) -> bool:
    return task is not None and task.state in states


def _next_second() -> None:
    """Wait until GitHub's clock shows another second: its times are whole seconds, and a tie counts as too late."""
    time.sleep(1.05 - time.time() % 1)
