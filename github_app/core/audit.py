"""The audit trail: lines that hold on to each other by digests, checked offline from an export alone.

A line's digest is the SHA-256 of its canonical JSON together with the digest of the line before it, so that changing,
dropping, inserting or reordering any line breaks the chain at that line. Cutting lines off the end breaks no link: the
task's own version, its approvals and the head show it, and whoever kept a head from earlier can compare. Who can write
the database anew can write a chain anew; what they cannot do is to meet a head that somebody else has noted.
The format of a line never changes: chains are for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from typing import Any

from github_app.core.digest import digest as digest_of
from github_app.core.names import State
from github_app.core.proof import AttemptReport
from github_app.core.task import MOVES, Move

FORMAT = "remit-audit/1"
BEGINNING = "0" * 64
FIELDS = (
    "task_id", "seq", "version", "at", "from_state", "to_state", "move", "actor", "actor_id", "delivery_id", "decision",
    "policy_version", "text_digest", "base", "code", "sentence", "data",
)  # fmt: skip
CREATE, REWORD, APPROVAL, WITHDRAWAL, LAID = "create", "reword", "approval", "withdrawal", "laid"
NOTES = frozenset({APPROVAL, WITHDRAWAL, LAID})  # lines that say something and move nothing
PARTS = frozenset({"format", "task", "lines", "head", "approvals", "decisions", "policies", "seal"})

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What does not fit in an export: the first line concerned, counted from 1, or None for what stands around them."""

    line: int | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A person whose word a start stands on; `comment_id` None: it was a label."""

    id: int
    login: str
    comment_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One claim, explained by the chain alone. No people: nothing stood, and the look before the start refuses it."""

    line: int
    at: int
    by: str  # label, approval or nobody
    people: tuple[Who, ...]
    tier: str | None
    text_digest: str | None
    policy_version: str
    base: str | None


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no space, ASCII only."""
    return dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def seal(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hexadecimal."""
    return sha256(canonical(value).encode()).hexdigest()


def chained(line: Line, previous: str) -> str:
    """Return a line's digest, given that of the line before it (`BEGINNING` for the first)."""
    return seal({**{name: line[name] for name in FIELDS}, "previous": previous})


def evidence(fence: int, report: AttemptReport) -> dict[str, Any]:
    """Return what a line keeps of a run's report: its commits, its wall, and each check's verdict."""
    return {
        "fence": fence,
        "outcome": str(report.outcome),
        "base": report.base,
        "head": report.head,
        "draft": report.draft,
        "wall": report.wall,
        "passed": report.proof.passed,
        "checks": [{"name": c.name, "verdict": str(c.verdict), "blocks": c.blocks} for c in report.proof.checks],
    }


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an export with its head and its seal."""
    lines = document["lines"]
    head = {"seq": lines[-1]["seq"], "digest": lines[-1]["digest"]} if lines else {"seq": 0, "digest": BEGINNING}
    whole = {**document, "format": FORMAT, "head": head}
    return {**whole, "seal": seal(whole)}


def find_fault(document: Any, *, head: str | None = None) -> Fault | None:
    """Return the first thing in an export that does not fit, or None. `head` is a digest noted earlier, elsewhere."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return Fault(line=None, sentence=f"this is no export of the format {FORMAT}")
    try:
        return _first_fault(document, head)
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        return Fault(line=None, sentence="its parts have not the shape that an export has")


def _first_fault(document: Mapping[str, Any], head: str | None) -> Fault | None:
    if set(document) != PARTS or not _shaped(document):
        return Fault(line=None, sentence=f"the export has other parts than {', '.join(sorted(PARTS))}")
    lines, task = document["lines"], document["task"]
    if not lines:
        return Fault(line=None, sentence="there is no line in it")
    return (
        _broken_link(lines, task.get("id"))
        or _broken_story(lines)
        or _other_end(lines, task)
        or _other_approvals(lines, document["approvals"])
        or _other_decision(lines, document["decisions"], document["policies"])
        or _other_head(document, head)
    )


def starts(lines: Sequence[Line]) -> tuple[Start, ...]:
    """Explain every start of a task by its chain alone: who, by label or by approval of which text, under what."""
    laid = next((line["data"] for line in lines if line["move"] == LAID), {})
    known = {name: laid.get(name) for name in ("tier", "requester_id", "requester")}
    standing: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    found = []
    for line in lines:
        data = line["data"]
        known |= {name: data[name] for name in known if name in data}
        match line["move"]:
            case "approval":
                standing[_key(data)] = data
            case "withdrawal":
                standing.pop(_key(data), None)
            case "laid":
                standing |= {_key(one): one for one in data.get("approvals", ()) if one["withdrawn_at"] is None}
            case "claim":
                older = [one for one in laid.get("approvals", ()) if _stood(one, line["at"])]
                given = older if line["seq"] < _laid_at(lines) else [*standing.values()]
                found.append(_start(line, known, [one for one in given if one["digest"] == line["text_digest"]]))
    return tuple(found)


def _start(line: Line, known: Mapping[str, Any], approvals: Sequence[Mapping[str, Any]]) -> Start:
    people = {
        one["user_id"]: Who(id=one["user_id"], login=one["login"], comment_id=one["comment_id"]) for one in approvals
    }
    by, who = ("approval", tuple(people.values())) if people else ("nobody", ())
    if known["tier"] == "auto_safe" and known["requester_id"] is not None:
        by, who = "label", (Who(id=known["requester_id"], login=str(known["requester"])),)
    return Start(
        line=line["seq"],
        at=line["at"],
        by=by,
        people=who,
        tier=known["tier"],
        text_digest=line["text_digest"],
        policy_version=line["policy_version"],
        base=line["base"],
    )


def _stood(approval: Mapping[str, Any], at: int) -> bool:
    withdrawn = approval["withdrawn_at"]
    return approval["at"] <= at and (withdrawn is None or withdrawn > at)


def _laid_at(lines: Sequence[Line]) -> int:
    return next((line["seq"] for line in lines if line["move"] == LAID), 0)


def _key(approval: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(approval.get(name) for name in ("comment_id", "user_id", "digest"))


def _shaped(document: Mapping[str, Any]) -> bool:
    lists = all(
        isinstance(document[name], list) and all(isinstance(one, dict) for one in document[name])
        for name in ("lines", "approvals", "decisions")
    )
    return lists and all(isinstance(document[name], dict) for name in ("task", "head", "policies"))


def _broken_link(lines: Sequence[Line], task_id: Any) -> Fault | None:
    previous = BEGINNING
    for position, line in enumerate(lines, start=1):
        if set(line) != {*FIELDS, "digest"} or not isinstance(line["data"], dict):
            return Fault(line=position, sentence="it has other fields than a line has")
        if line["seq"] != position:
            return Fault(line=position, sentence=f"it says that it is line {line['seq']}: one is missing, or moved")
        if line["task_id"] != task_id:
            return Fault(line=position, sentence=f"it is about task {line['task_id']}")
        if line["digest"] != chained(line, previous):
            return Fault(line=position, sentence="it does not fit its digest and the line before it")
        previous = line["digest"]
    return None


def _broken_story(lines: Sequence[Line]) -> Fault | None:
    """Hold each line against the table of moves: a chain may be whole and still tell what cannot have been."""
    state, version = None, 0
    for position, line in enumerate(lines, start=1):
        said, target = line["move"], line["to_state"]
        before, counted = (line["from_state"], version) if said in NOTES else (state, version + 1)
        if (state is None) != (said == CREATE) or line["from_state"] != (state if said != CREATE else None):
            return Fault(line=position, sentence=f"it leaves {line['from_state']}, and the task was {state}")
        if line["version"] != counted or not _leads(said, before, target):
            return Fault(line=position, sentence=f"`{said}` does not lead from {state} to {target} there")
        subject = line["data"].get("subject")
        text = line["data"].get("digest") if said in {APPROVAL, WITHDRAWAL} else line["text_digest"]
        if isinstance(subject, str) and digest_of(subject) != text:
            return Fault(line=position, sentence="its text is not the one its text digest is of")
        state, version = target, counted
    return None


def _leads(said: Any, before: Any, target: Any) -> bool:
    if said == CREATE:
        return target in set(State)
    if said == REWORD or said in NOTES:
        return target == before
    return said in set(Move) and before in set(State) and MOVES[State(before)].get(Move(said)) == target


def _other_end(lines: Sequence[Line], task: Mapping[str, Any]) -> Fault | None:
    last = lines[-1]
    pairs = (("version", "version"), ("state", "to_state"), ("digest", "text_digest"), ("base", "base"))
    for name, field in pairs:
        if task.get(name) != last[field]:
            sentence = f"after it the task's {name} is {task.get(name)}, not {last[field]}: lines are missing behind it"
            return Fault(line=len(lines), sentence=sentence)
    return None


def _other_approvals(lines: Sequence[Line], approvals: Sequence[Mapping[str, Any]]) -> Fault | None:
    """Hold the approvals against the lines that recorded and withdrew them."""
    told: dict[tuple[Any, ...], tuple[int, bool]] = {}
    for position, line in enumerate(lines, start=1):
        data = line["data"]
        if line["move"] in {APPROVAL, WITHDRAWAL}:
            told[_key(data)] = (position, line["move"] == APPROVAL)
        for one in data.get("approvals", ()) if line["move"] == LAID else ():
            told[_key(one)] = (position, one["withdrawn_at"] is None)
    kept = {_key(one): one.get("withdrawn_at") is None for one in approvals}
    for key, (position, stands) in told.items():
        if kept.get(key) is not stands:
            return Fault(line=position, sentence="the approval it is about is not among the approvals as it says")
    if kept.keys() - told.keys():
        return Fault(line=len(lines), sentence="there is an approval that no line up to it recorded")
    return None


def _other_decision(
    lines: Sequence[Line], decisions: Sequence[Mapping[str, Any]], policies: Mapping[str, Any]
) -> Fault | None:
    known = {seal(one.get("document")) for one in decisions}
    for position, line in enumerate(lines, start=1):
        if line["decision"] is not None and line["decision"] not in known:
            return Fault(line=position, sentence="the decision it comes from is missing, or is another one now")
        if line["decision"] is not None and line["policy_version"] not in policies:
            return Fault(line=position, sentence=f"the policy {line['policy_version']} is missing")
    return None


def _other_head(document: Mapping[str, Any], head: str | None) -> Fault | None:
    last = document["lines"][-1]
    if document["head"] != {"seq": last["seq"], "digest": last["digest"]}:
        return Fault(line=last["seq"], sentence="the head is not that of the last line: lines are missing behind it")
    if head is not None and head not in {line["digest"] for line in document["lines"]}:
        return Fault(line=last["seq"], sentence=f"no line has the digest {head} that was noted earlier")
    if document["seal"] != seal({name: value for name, value in document.items() if name != "seal"}):
        return Fault(line=None, sentence="every line fits, but something around them was changed: the seal is another")
    return None
