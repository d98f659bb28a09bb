"""`remit run`: the same decision, worktree, proof and review on a local clone, without GitHub.

Who runs the command is the person who labelled and wrote the issue, so the labels count as theirs and the repository as
active; a tier that must be approved still needs `--approve`. The clone gets one new branch and nothing else.
"""

import contextlib
import json
import os
import pwd
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from rich.console import Console
from rich.markdown import Markdown

from github_app.core.assess import Assessment, assess
from github_app.core.decide import decide
from github_app.core.decision import CreateTask, Decision, Verdict
from github_app.core.events import Actor, IssueChanged, Place
from github_app.core.facts import Facts, Issue, Label, Person, Repository
from github_app.core.finish import DONE
from github_app.core.names import (
    Category,
    InstallationId,
    Instant,
    Mode,
    Permission,
    RepositoryId,
    Sha,
    State,
    TaskId,
    UserId,
    branch_name,
)
from github_app.core.policy import Agent, Policy
from github_app.core.report import finding_line, proof_table, reasons_list, steps_table
from github_app.core.task import Task
from github_app.errors import UsageError
from github_app.git.local import Clone, deliver, take_in
from github_app.git.mirror import Mirror
from github_app.git.removal import remove
from github_app.github.gather import POLICY_PATH
from github_app.policy.layers import Layer, Source
from github_app.policy.read import read_policy
from github_app.sandbox.account import find_account
from github_app.settings import Settings
from github_app.wiring import brief_of, known_secrets, make_workshop
from github_app.worker.attempt import make_order
from github_app.worker.build import Built, build
from github_app.worker.live import LiveRun

ISSUE = 0
OK, FINDINGS = 0, 1
LARGEST_ISSUE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a local run."""

    decision: Decision
    clone: Clone
    built: Built | None
    branch: str | None
    base: Sha

    @property
    def look(self) -> str | None:
        """Return the command that shows the result."""
        return self.branch and f"git -C {shlex.quote(str(self.clone.path))} diff {self.base[:12]}..{self.branch}"


def run_local(
    *,
    settings: Settings,
    repo: Path,
    issue: Path,
    labels: tuple[str, ...],
    agent_cmd: str,
    review_cmd: str,
    policy_file: Path | None,
    report_file: Path | None,
    approved: bool,
    as_json: bool,
) -> int:
    """Run one issue on a clone; returns 0 when it ended in a proven branch, 1 when not."""
    title, body = _read_issue(issue)
    clone = Clone.at(repo)
    base = _base(clone)
    agent = Agent(command=_command(agent_cmd, "--agent-cmd"), review=_command(review_cmd, "--review-cmd"))
    if not agent.command:
        raise UsageError("--agent-cmd is empty.", hint="name the program that works, with its arguments")
    progress = Console(stderr=True)
    with _place(settings) as place:
        here = settings.model_copy(update={"data_dir": place / "data", "work_dir": place / "work"})
        mirror = Mirror.open(place / "work" / "mirrors", "local", object_format=clone.object_format)
        take_in(mirror, clone, base)
        policy = _policy(settings, mirror, base, policy_file, agent)
        facts = _facts(policy, clone, base, title, body, labels)
        decision, assessment = _decide(policy, facts)
        task = _task(decision, clone, facts)
        if task is None or (decision.verdict is Verdict.HOLD and not approved):
            outcome = Outcome(decision=decision, clone=clone, built=None, branch=None, base=base)
        else:
            outcome = _build(here, policy, mirror, clone, task, assessment, decision, base, _told(progress))
    return _report(outcome, title, report_file, as_json=as_json)


def _base(clone: Clone) -> Sha:
    try:
        return clone.default_branch()[1]
    except UsageError as error:
        raise UsageError(error.sentence, hint=error.hint or "make a first commit there") from error


@contextlib.contextmanager
def _place(settings: Settings) -> Generator[Path]:
    """Give a directory that the agents' account can get to; it is gone afterwards, however the run ends."""
    account = find_account(settings.agent_user)
    roots = [Path(root) for root in (gettempdir(), "/var/tmp")]  # noqa: S108 - mkdtemp makes one of our own there
    open_to_all = [root for root in roots if root.is_dir() and account.blocked_at(root / "x") is None]
    place = Path(mkdtemp(prefix="remit-run-", dir=(open_to_all or roots)[0]))
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        place.chmod(0o711)
        yield place
    finally:
        remove(place)
        signal.signal(signal.SIGTERM, previous)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _command(line: str, option: str) -> tuple[str, ...]:
    """Return a command line as words, its program as a path when it is one that is found here."""
    try:
        program, *rest = shlex.split(line) or [""]
    except ValueError as error:
        raise UsageError(f"{option} cannot be read: {error}.", hint="quote it as for a shell") from error
    if not program:
        return ()
    found = shutil.which(program)
    if found is None:
        raise UsageError(
            f"{option} names {program}, and there is no such program.",
            hint="give a program on PATH, or the path of one that may be executed",
        )
    return (str(Path(found).absolute()) if os.sep in program else program, *rest)


def _told(console: Console) -> Callable[[str], None]:
    began = time.monotonic()

    def tell(phase: str) -> None:
        console.print(f"{time.monotonic() - began:6.1f} s  {phase}", highlight=False)

    return tell


def _read_issue(path: Path) -> tuple[str, str]:
    """Return title and description: the first line that is not empty, and the rest."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path} cannot be read: {why}.", hint="--issue wants a Markdown file in UTF-8") from error
    title, _, body = text.strip().partition("\n")
    title = title.lstrip("# ").strip()
    if not title or len(text) > LARGEST_ISSUE:
        raise UsageError(f"{path} has no title, or is larger than an issue.", hint="first line: the title")
    return title[:256], body.strip()


def _policy(settings: Settings, mirror: Mirror, base: Sha, given: Path | None, agent: Agent) -> Policy:
    """Return the policy that holds here: shipped, server's, repository's own at the base commit, then the one given."""
    sources = []
    if settings.policy_file is not None:
        sources.append(_source(settings.policy_file, Layer.SERVER))
    own = mirror.read_file(base, POLICY_PATH, 65_536)
    if own is not None:
        sources.append(Source.of(POLICY_PATH, own, base[:12], Layer.REPOSITORY))
    if given is not None:
        sources.append(_source(given, Layer.SERVER))
    return replace(read_policy(sources), mode=Mode.ACTIVE, agent=agent, agents={})


def _source(path: Path, layer: Layer) -> Source:
    try:
        return Source.of(str(path), path.read_bytes(), "file", layer)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint="give the path of a policy file") from error


def _facts(policy: Policy, clone: Clone, base: Sha, title: str, body: str, labels: tuple[str, ...]) -> Facts:
    login = _login()
    me = Person(id=UserId(1), login=login, human=True, permission=Permission.ADMIN)
    names = labels if policy.trigger is None or policy.trigger in labels else (*labels, policy.trigger)
    return Facts(
        now=Instant(time.time_ns() // 1_000_000),
        own_user_id=UserId(0),
        sender=me,
        repository=Repository(
            id=RepositoryId(1),
            installation_id=InstallationId(1),
            full_name=f"local/{clone.path.name}",
            private=True,
            archived=False,
            default_branch=clone.default_branch()[0],
            head=base,
        ),
        issue=Issue(
            number=ISSUE,
            title=title,
            body=body,
            url="",
            open=True,
            locked=False,
            is_pull=False,
            transferred=False,
            labels=tuple(Label(name=name, by=me) for name in names),
            author=me,
            editor=None,
            edited_at=None,
            assignees=(),
            linked_pulls=(),
        ),
    )


def _login() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's uid needs no name
        return f"uid-{os.getuid()}"


def _decide(policy: Policy, facts: Facts) -> tuple[Decision, Assessment]:
    place = Place(installation_id=InstallationId(1), repository_id=RepositoryId(1), full_name="local")
    sender = Actor(id=facts.sender.id, login=facts.sender.login, human=True)
    event = IssueChanged(place=place, number=ISSUE, action="labeled", sender=sender)
    return decide(event, policy, facts), assess(policy, facts)


def _task(decision: Decision, clone: Clone, facts: Facts) -> Task | None:
    wanted = next((change for change in decision.changes if isinstance(change, CreateTask)), None)
    if wanted is None:
        return None
    return Task(
        id=_number(clone, wanted.category, facts),
        version=1,
        state=State.RUNNING,
        installation_id=InstallationId(1),
        repository_id=RepositoryId(1),
        repository=f"local/{clone.path.name}",
        issue_number=ISSUE,
        title=wanted.title,
        category=wanted.category,
        tier=wanted.tier,
        digest=wanted.digest,
        subject=wanted.subject,
        policy_version=decision.policy_version,
        base=wanted.base,
        requester_id=wanted.requester_id,
        requester=wanted.requester,
        reason_code=wanted.reason.code,
        reason=wanted.reason.sentence,
        attempts=1,
        fence=1,
        created_at=facts.now,
        updated_at=facts.now,
        run_after=facts.now,
    )


def _number(clone: Clone, category: Category, facts: Facts) -> TaskId:
    """Return a number whose branch the clone does not have: the time in seconds, or the next that is free."""
    number = facts.now // 1000
    while clone.head(branch_name(category, ISSUE, TaskId(number))) is not None:
        number += 1
    return TaskId(number)


def _build(
    settings: Settings,
    policy: Policy,
    mirror: Mirror,
    clone: Clone,
    task: Task,
    assessment: Assessment,
    decision: Decision,
    base: Sha,
    tell: Callable[[str], None],
) -> Outcome:
    shop = make_workshop(settings, lambda: known_secrets(settings))
    email = f"{task.requester}@localhost"
    order = make_order(task, assessment, policy, mirror, base, brief_of, email, Instant(task.created_at))
    live = LiveRun(shop.sandbox, task.id, task.fence, None)
    with build(order, shop, live, tell) as built:
        branch = None
        if built.head is not None:
            branch = branch_name(task.category, ISSUE, task.id)
            deliver(mirror, clone, built.head, branch)
        return Outcome(decision=decision, clone=clone, built=built, branch=branch, base=base)


def _report(outcome: Outcome, title: str, report_file: Path | None, *, as_json: bool) -> int:
    text = _markdown(outcome, title)
    if report_file is not None:
        try:
            report_file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{report_file} cannot be written: {error.strerror}.", hint="give another --report"
            ) from error
    if as_json:
        built = outcome.built
        document = {
            "decision": outcome.decision.as_json(),
            "branch": outcome.branch,
            "base": outcome.base,
            "look": outcome.look,
            "head": None if built is None else built.head,
            "report": None if built is None else asdict(built.report),
        }
        sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    elif report_file is None:
        console = Console()
        console.print(Markdown(text)) if console.is_terminal else sys.stdout.write(text)
    else:
        sys.stdout.write(f"Report: {report_file}\n")
    proven = outcome.built is not None and outcome.built.report.outcome == DONE and outcome.built.report.proof.passed
    return OK if proven else FINDINGS


def _markdown(outcome: Outcome, title: str) -> str:
    decision, built = outcome.decision, outcome.built
    found = ", ".join(str(each) for each in (decision.verdict, decision.category, decision.tier) if each is not None)
    lines = [f"# {title}", "", f"Decision: **{found}**.", ""]
    lines += [reasons_list(decision.reasons), "", steps_table(decision.steps), ""]
    if built is None:
        if decision.verdict is Verdict.HOLD:
            lines += ["Nothing was run. `--approve` approves exactly this text.", ""]
        else:
            lines += ["Nothing was run.", ""]
        return "\n".join(lines)
    report = built.report
    lines += ["## Result", "", f"{report.sentence} ({report.outcome}, {report.seconds:.1f} s, wall: {report.wall})", ""]
    if report.summary.strip():
        lines += [report.summary.strip(), ""]
    if report.proof.checks:
        lines += ["## Proof", "", proof_table(report.proof), ""]
    if outcome.branch is not None:
        lines += ["## Review", "", report.review.summary or report.review.note or "Nothing found.", ""]
        lines += [finding_line(finding) for finding in report.review.findings]
        lines += ["## Branch", "", f"`{outcome.branch}`, on top of `{outcome.base[:12]}`. Look at it with:", ""]
        lines += [f"    {outcome.look}", ""]
    return "\n".join(lines)
