"""The scenario of `remit demo`: what people do, step by step. It only acts through the local GitHub, as people would.

Each step is remembered when it is done, so that a demo that was killed goes on where it was.
"""

import json
import re
import time
from collections.abc import Callable
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
_DIGEST = re.compile(r"/approve ([0-9a-f]{12})")


@dataclass(slots=True)
class Diary:
    """What has been done, in a file that is replaced after every step."""

    path: Path
    issues: dict[str, int] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    finished: bool = False
    asked_at: dict[str, float] = field(default_factory=dict)

    @classmethod
    def at(cls, path: Path) -> "Diary":
        """Read the diary of an earlier start, or begin one."""
        if not path.exists():
            return cls(path=path)
        return cls(path=path, **json.loads(path.read_text()))

    def save(self) -> None:
        """Write it down."""
        known = {name: getattr(self, name) for name in ("issues", "done", "finished", "asked_at")}
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(known))
        fresh.replace(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The people of the demo. `pause` and `resume` hold the worker's starts, so that an edit comes before one."""

    hub: Hub
    db: Database
    diary: Diary
    pause: Callable[[], None]
    resume: Callable[[], None]
    say: Callable[[str], None]

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
        self._wait("the first task", lambda: _is(self.task("docs"), State.RUNNING, State.IN_REVIEW))

    def _together(self) -> None:
        for seed in TOGETHER:
            self._open(seed)
        stories = [seed.story for seed in TOGETHER if seed.story not in {"blocked", "outsider"}]
        self._wait("a decision about every issue", lambda: all(self.task(story) for story in stories))

    def _approve(self) -> None:
        digest = self._proposal("bug")
        self.say(f"{REVIEWER} approves the bug fix, as {digest}")
        self.hub.comment(REPOSITORY, self.diary.issues["bug"], f"/approve {digest}", REVIEWER)

    def _reject(self) -> None:
        self._proposal("feature")
        self.say(f"{MAINTAINER} rejects the feature")
        self.hub.comment(REPOSITORY, self.diary.issues["feature"], "/reject not this quarter", MAINTAINER)
        self._wait("the rejection", lambda: _is(self.task("feature"), State.REJECTED))

    def _duplicate(self) -> None:
        self._open(DUPLICATE)
        number = self.diary.issues["duplicate"]
        self._wait("the refusal of the duplicate", lambda: self._decided(number))

    def _void(self) -> None:
        number = self.diary.issues["void"]
        first = self._proposal("void")
        self.pause()
        try:
            if "edited" not in self.diary.done:
                self.say(f"{REVIEWER} approves, then the issue is edited before the start")
                self.hub.comment(REPOSITORY, number, f"/approve {first}", REVIEWER)
                self._wait("the approval", lambda: _is(self.task("void"), State.QUEUED))
                _next_second()
                self.hub.edit_issue(REPOSITORY, number, by=MAINTAINER, body=EDITED_BODY)
                self.diary.done.append("edited")
                self.diary.save()
            self._wait("the approval to be void", lambda: self._proposal_now("void") not in {None, first})
        finally:
            self.resume()
        second = self._proposal("void")
        _next_second()
        self.say(f"{REVIEWER} reads it again and approves {second}")
        self.hub.comment(REPOSITORY, number, f"/approve {second}", REVIEWER)

    def _settle(self) -> None:
        quiet = {*ENDED, State.IN_REVIEW}
        stories = [seed.story for seed in SEEDS]
        self._wait("every task to end", lambda: all((t := self.task(s)) is None or t.state in quiet for s in stories))

    def _merge(self) -> None:
        task = self.task("docs")
        if task is None or task.pull_number is None:
            raise RemitError("the first task has no pull request")
        if task.state is State.IN_REVIEW:
            self.say(f"{MAINTAINER} merges #{task.pull_number}")
            self.hub.merge(REPOSITORY, task.pull_number, MAINTAINER)
        self._wait("the merge", lambda: _is(self.task("docs"), State.COMPLETED))

    def _open(self, seed: Seed) -> None:
        """Open an issue unless that was done before the demo was killed."""
        found = next((i.number for i in self.hub.repository(REPOSITORY).issues if i.title == seed.title), None)
        if found is None:
            self.say(f"{seed.by} opens “{seed.title}” with {', '.join(seed.labels)}")
            self.diary.asked_at[seed.story] = time.time()
            found = self.hub.open_issue(REPOSITORY, seed.title, seed.body, seed.by, labels=seed.labels, form=seed.form)
        self.diary.issues[seed.story] = found
        self.diary.save()

    def _proposal(self, story: str) -> str:
        self._wait(f"the proposal for the {story} issue", lambda: self._proposal_now(story) is not None)
        digest = self._proposal_now(story)
        if digest is None:
            raise RemitError(f"the proposal for the {story} issue is gone")
        return digest

    def _proposal_now(self, story: str) -> str | None:
        """Return the digest that the newest proposal comment on an issue shows, as a person would read it."""
        comments = self.hub.repository(REPOSITORY).issue(self.diary.issues[story]).comments
        shown = [found.group(1) for comment in comments if (found := _DIGEST.search(comment.body))]
        return shown[-1] if shown else None

    def _decided(self, number: int) -> bool:
        return view.latest_decision(self.db, self._repository_id(), number) is not None

    def _repository_id(self) -> RepositoryId:
        return RepositoryId(self.hub.repository(REPOSITORY).id)

    def _wait(self, what: str, seen: Callable[[], Any]) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not seen():
            if time.monotonic() > until:
                raise RemitError(
                    f"waited {PATIENCE_SECONDS} s for {what} and it did not come", hint="see the log above"
                )
            time.sleep(0.05)


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
