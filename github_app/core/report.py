"""All wording that people read on GitHub, in one place. Everything from outside goes through `neutral` first.

Each comment of ours starts with an invisible marker, by which it is found again; a marker counts only when the
comment's author is our own account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from github_app.core.commands import VERBS
from github_app.core.decision import Propose, Reason, Remedy, Reply, Step
from github_app.core.names import Instant, State, TaskId
from github_app.core.neutral import commit_line, commit_text, cut, inert, inert_block, inert_line, quoted
from github_app.core.pause import WAITING, Pause, why_paused
from github_app.core.proof import AttemptReport, Check, Finding, Proof, Review, Verdict
from github_app.core.task import Task

COMMENT_LIMIT = 65_000
ALL_OURS = frozenset({"duplicate.title", "issue.linked_pull"})
BUILT_IN = "built in"  # what `Policy.origin` says of a key that nobody wrote
STATE_LABELS = {
    State.HELD: ("remit:held", "d4a72c", "Waits for an approval"),
    State.DEFERRED: ("remit:queued", "c5def5", "Waits for its turn"),
    State.QUEUED: ("remit:queued", "c5def5", "Waits for its turn"),
    State.RETRYABLE: ("remit:queued", "c5def5", "Waits for its turn"),
    State.RUNNING: ("remit:running", "1d76db", "An agent is working on it"),
    State.IN_REVIEW: ("remit:in-review", "8250df", "A pull request waits for review"),
    State.FAILED: ("remit:failed", "b60205", "Could not be done; see the comment"),
}
REVIEW_LABELS = {
    True: ("needs-fix", "b60205", "The advisory review found something critical"),
    False: ("remit-reviewed", "0e8a16", "The advisory review found nothing critical"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the status comment is rendered from: the task now, and its last report if there is one."""

    task: Task
    report: AttemptReport | None = None
    page: str | None = None
    pauses: tuple[Pause, ...] = ()


def marker(kind: str, key: int | str) -> str:
    """Return the first line of a comment of ours."""
    return f"<!-- remit:{kind} {key} -->"


def status_comment(status: Status) -> str:
    """Return the one comment that is edited in place for as long as a task lives."""
    task, report = status.task, status.report
    lines = [marker("status", task.id), _standing(task), ""]
    lines.append(f"Task {task.id} · {task.category} · {task.tier}" + _attempts(task))
    if task.state is State.HELD and task.expires_at is not None:
        lines[-1] += f" · expires on {day(task.expires_at)}"
    if task.state in WAITING and status.pauses:
        lines += ["", reasons_list([why_paused(pause) for pause in status.pauses])]
    if task.pull_number is not None and task.state is not State.IN_REVIEW:
        lines.append(f"\nPull request: #{task.pull_number}")
    if report is not None and report.proof.checks:
        lines += ["", proof_table(report.proof)]
    if status.page:
        lines.append(f"\n[Log and details]({status.page})")
    lines += ["", commands_note()]
    return cut("\n".join(lines), COMMENT_LIMIT)


def proposal_comment(proposal: Propose, task_id: TaskId) -> str:
    """Return the comment that asks for an approval: what would run, for whom, within what, and the digest of it."""
    changed = removed = ""
    if proposal.changed:
        changed = f"What was proposed or approved before is void: {', '.join(proposal.changed)}.\n\n"
    if proposal.removed:
        removed = f"Left out of what the agent gets: {', '.join(proposal.removed)}.\n\n"
    needed = "one approval is" if proposal.approvals_needed == 1 else f"{proposal.approvals_needed} approvals are"
    head = (
        f"{marker('proposal', f'{task_id}:{proposal.digest}:{proposal.expires_at}')}\n"
        f"**Waits for approval** · {proposal.category}, {proposal.tier}\n\n{changed}"
        f"{reasons_list(proposal.reasons)}\n\n"
        "To approve, write a comment that is this and nothing else:\n\n"
        f"```text\n/approve {proposal.digest}\n```\n\n"
        f"To decline, comment `/reject` and why.\n\n"
        f"- Who may approve: {inert_line(proposal.may_approve, limit=600)}; {needed} needed.\n"
        f"- It expires on {day(proposal.expires_at)}. Editing the title or the description voids an approval.\n"
        f"- The run may take {proposal.minutes:g} minutes. It works in a worktree of its own "
        "and ends in a pull request.\n\n"
        f"{removed}<details open><summary>Exactly what the agent will get</summary>\n\n"
    )
    tail = "\n\n</details>\n"
    room = COMMENT_LIMIT - len(head) - len(tail) - 200
    text = f"{proposal.title}\n\n{proposal.body}"
    return f"{head}{quoted(text, limit=room)}{tail}"


def reply_comment(reply: Reply, key: str, task: Task | None) -> str:
    """Return the comment that answers somebody or tells of something a human must see."""
    lines = [marker("reply", key)]
    match reply.kind:
        case "help":
            lines += ["Commands Remit understands:", "", help_table()]
        case "status":
            lines.append("There is no task for this issue." if task is None else _status_line(task))
            if task is None:
                lines += ["", reasons_list(reply.reasons)]
            elif task.state in WAITING and reply.steps:
                lines += ["", reasons_list([Reason(code=s.code, sentence=s.found) for s in reply.steps])]
        case "why":
            lines += ["Why this is what it is, in the order it was looked at:", "", steps_table(reply.steps)]
            if reply.remedies:
                lines += ["", "What would change it:", "", remedies_list(reply.remedies)]
            if task is not None:
                lines += ["", _status_line(task)]
        case "reminder" if task is not None:
            expires = "soon" if task.expires_at is None else f"on {day(task.expires_at)}"
            lines += [f"**Still waits for approval**, and the proposal expires {expires}.", ""]
            lines += [reasons_list(reply.reasons), "", "To approve the text shown in the proposal, write a comment"]
            lines[-1] += f" that is this and nothing else:\n\n```text\n/approve {task.digest}\n```"
        case "skipped":
            lines += ["Remit does not start this.", "", reasons_list(reply.reasons)]
        case "failed":
            lines += ["**This could not be done.**", "", reasons_list(reply.reasons), "", "`/remit retry` tries again."]
        case "stopped":
            lines += ["**The run was stopped; nothing was published.**", "", reasons_list(reply.reasons)]
        case "refused" | "noted" | "unknown" | "reminder":
            lines += [f"{inert_line(reply.to)}: {_sentences(reply.reasons)}"]
            if reply.kind == "unknown":
                lines[-1] += " `/remit help` lists them all."
    return cut("\n".join(lines), COMMENT_LIMIT)


def reasons_list(reasons: Sequence[Reason]) -> str:
    """Return reasons as a list, each with its stable code and where the rule is written."""
    return "\n".join(f"- {_said(r.code, r.sentence)} (`{r.code}`{_at(r.origin)})" for r in reasons)


def steps_table(steps: Sequence[Step]) -> str:
    """Return a decision's trace as a table."""
    signs = {"pass": "✓", "stricter": "△", "stop": "✗"}
    rows = [
        f"| {signs[s.outcome]} | {s.check} | {inert_line(s.found, limit=300)} | {f'`{s.code}`' if s.code else ''} "
        f"| {inert_line(s.origin)} |"
        for s in steps
    ]
    return "\n".join(["| | looked at | found | code | rule |", "|---|---|---|---|---|", *rows])


def remedies_list(remedies: Sequence[Remedy]) -> str:
    """Return what would change a decision: what is enough by itself, then steps that follow each other."""
    lines = []
    for index, remedy in enumerate(remedies):
        again = index > 0 and remedies[index - 1].step == remedy.step
        sign = "   - or: " if again and remedy.step else f"{remedy.step}. " if remedy.step else "- "
        origin = "" if remedy.kind == "approve" else remedy.origin
        told = f"{_said(remedy.code, remedy.sentence)} (`{remedy.code}`{_at(origin)})"
        lines.append(f"{sign}{told}")
    return "\n".join(lines)


def help_table() -> str:
    """Return every command from the registry."""
    rows = [f"| `{verb.usage}` | {verb.does} |" for verb in VERBS.values()]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def commands_note() -> str:
    """Return the folded list of commands under a status comment."""
    return f"<details><summary>Commands</summary>\n\n{help_table()}\n\n</details>"


def proof_table(proof: Proof) -> str:
    """Return the proof as a table; what could not run is never shown as passed."""
    return "\n".join(["| check | result | note |", "|---|---|---|", *(_check_row(check) for check in proof.checks)])


def pull_title(task: Task) -> str:
    """Return a pull request's title (GitHub allows 256 characters)."""
    return _title(task, limit=200)


def pull_body(task: Task, report: AttemptReport, *, close_issue: bool, template: str = "") -> str:
    """Return a pull request's body; the only live reference in it is our own closing keyword."""
    closing = f"Closes #{task.issue_number}" if close_issue else f"For #{task.issue_number}"
    draft = (
        "\n\n> This is a draft because its proof did not pass. Nothing here has been shown to work."
        if report.draft
        else ""
    )
    lines = [
        marker("pull", task.id),
        f"{closing}{draft}",
        "",
        "## Proof",
        proof_table(report.proof),
        "",
        f"Base `{(report.base or '')[:12]}` · {task.category}, {task.tier} · for {inert_line(task.requester)} · "
        f"task {task.id}, attempt {task.attempts} · digest `{task.digest}` · policy `{task.policy_version}` · "
        f"isolation: {inert_line(report.wall)}" + _cost(report),
        "",
        "## What the agent says it did",
        inert_block(report.summary, limit=6000) if report.summary.strip() else "It left no summary; see the diff.",
    ]
    if template:
        lines += ["", template]
    return cut("\n".join(lines), COMMENT_LIMIT)


def commit_message(task: Task, report: AttemptReport, requester_email: str) -> str:
    """Return the message of the one commit we make, with our trailers at its end."""
    subject = _title(task, limit=72)
    body = commit_text(report.summary, limit=1500).strip()
    trailers = f"Remit-Task: {task.id}\nCo-authored-by: {_name(task.requester)} <{requester_email}>"
    return f"{subject}\n\n{body}\n\n{trailers}\n" if body else f"{subject}\n\n{trailers}\n"


def review_body(review: Review, report: AttemptReport, task: Task) -> str:
    """Return the summary of the advisory review."""
    lines = [marker("review", task.id)]
    if review.note:
        lines += [f"**The independent review could not be made:** {inert_line(review.note, limit=800)}", ""]
    elif review.findings:
        counted = ", ".join(f"{n} {inert_line(word, limit=20)}" for word, n in _count(review.findings).items())
        lines += [f"**Independent review, advisory:** {counted}.", ""]
    else:
        lines += ["**Independent review, advisory:** nothing found.", ""]
    if review.summary:
        lines += [inert_block(review.summary, limit=3000), ""]
    if review.findings:
        lines += [*(finding_line(finding) for finding in review.findings[:50]), ""]
    lines.append(
        "The proof passed." if report.proof.passed else "The proof did not pass; see the pull request's table."
    )
    return cut("\n".join(lines), COMMENT_LIMIT)


def finding_line(finding: Finding) -> str:
    """Return one finding as a list item."""
    where = finding.path + (f":{finding.line}" if finding.line is not None else "")
    said = inert_line(finding.sentence, limit=800)
    return f"- **{inert_line(finding.severity, limit=20)}** `{inert_line(where)}`: {said}"


def day(at: Instant) -> str:
    """Return an instant as people read it: date and time in UTC, to the minute."""
    return datetime.fromtimestamp(at / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def _headline(task: Task) -> str:
    match task.state:
        case State.DEFERRED:
            place = "" if task.position is None else f", number {task.position} in the queue"
            return f"Deferred{place}."
        case State.HELD:
            return "Waits for approval."
        case State.QUEUED:
            return "Queued."
        case State.RUNNING:
            return "An agent is working on it."
        case State.RETRYABLE:
            return "Will be tried again."
        case State.IN_REVIEW:
            return f"Pull request #{task.pull_number} waits for review."
        case State.COMPLETED:
            return "Done."
        case State.CANCELLED:
            return "Cancelled."
        case State.REJECTED:
            return "Rejected."
        case State.EXPIRED:
            return "Expired."
        case State.FAILED:
            return "Could not be done."


def _status_line(task: Task) -> str:
    return f"Task {task.id}: {_standing(task)}"


def _standing(task: Task) -> str:
    """Return the headline and the sentence behind it, without saying the same word twice."""
    headline, why = _headline(task), _said(task.reason_code, task.reason)
    word = headline.removesuffix(".")
    return f"**{word}**{why.removeprefix(word)}" if why.startswith(f"{word} ") else f"**{headline}** {why}"


def _said(code: str, sentence: str) -> str:
    """Return a reason's sentence; only those made of nothing but our own words and numbers keep their references."""
    return sentence if code in ALL_OURS else inert(sentence, limit=600)


def _attempts(task: Task) -> str:
    return f" · attempt {task.attempts}" if task.attempts else ""


def _check_row(check: Check) -> str:
    sign = {Verdict.PASSED: "✅", Verdict.FAILED: "❌", Verdict.COULD_NOT_RUN: "⚠️"}[check.verdict]
    if not check.blocks:
        sign = "➖"  # noqa: RUF001
    return f"| {inert_line(check.name)} | {sign} {check.verdict} | {inert_line(check.note, limit=300)} |"


def _cost(report: AttemptReport) -> str:
    cost = "unknown" if report.cost_usd is None else f"{report.cost_usd:.2f} USD"
    turns = "" if report.turns is None else f", {report.turns} turns"
    return f" · {report.seconds:.0f} s{turns}, cost {cost}"


def _sentences(reasons: Sequence[Reason]) -> str:
    return " ".join(_said(r.code, r.sentence) for r in reasons)


def _at(origin: str) -> str:
    return f", {inert_line(origin)}" if origin not in {"", BUILT_IN} else ""


def _title(task: Task, *, limit: int) -> str:
    """Return a title as plain text: neither GitHub nor git reads Markdown there, and neither takes an empty one."""
    return commit_line(task.title, limit=limit) or f"Work on issue {task.issue_number}"


def _name(login: str) -> str:
    return "".join(c for c in login if c.isalnum() or c in "-_[]") or "unknown"


def _count(findings: Sequence[Finding]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for finding in findings:
        counted[finding.severity] = counted.get(finding.severity, 0) + 1
    return counted
