"""What people can say to Remit in a comment. One registry feeds parser, help comment, help page and tests.

A command is the start of a top-level Markdown paragraph; quotes, code, lists and the middle of a sentence never reach
this file. An approval must stand alone in its comment, so that nothing around it can mean something else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


class Need(StrEnum):
    """What the policy must let the person do."""

    APPROVE = "approve"
    COMMAND = "command"
    ASK = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One command."""

    name: str
    need: Need
    usage: str
    does: str
    bare: bool = False


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            name="approve",
            need=Need.APPROVE,
            usage="/approve [digest]",
            does="Approve exactly the text shown in the open proposal; alone in its comment.",
            bare=True,
        ),
        Verb(
            name="reject",
            need=Need.COMMAND,
            usage="/reject [reason]",
            does="End the open task; nothing will run for it.",
            bare=True,
        ),
        Verb(name="why", need=Need.ASK, usage="/remit why", does="Explain the decision for this issue, step by step."),
        Verb(name="status", need=Need.ASK, usage="/remit status", does="Say where the task stands."),
        Verb(name="stop", need=Need.COMMAND, usage="/remit stop", does="Cancel the task; a running agent is killed."),
        Verb(
            name="retry",
            need=Need.COMMAND,
            usage="/remit retry",
            does="Try again: at once when a retry is waiting, else as a new task with its own decision.",
        ),
        Verb(name="help", need=Need.ASK, usage="/remit help", does="Show this list."),
    )
}

_PREFIXED = re.compile(r"/remit(?:[ \t\n]+(?P<verb>[A-Za-z_-]{1,40}))?(?:[ \t\n]+(?P<rest>.*))?", re.DOTALL)
_BARE = re.compile(r"/(?P<verb>approve|reject)(?:[ \t\n]+(?P<rest>.*))?", re.DOTALL)
_DIGEST = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command somebody gave; `argument` is their own text and stays data."""

    verb: Verb
    argument: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Misspelt:
    """Something addressed to Remit that it does not know."""

    said: str
    nearest: str | None


def parse(paragraphs: Sequence[str]) -> Command | Misspelt | None:
    """Return the first command among a comment's top-level paragraphs; None when nobody spoke to Remit."""
    for paragraph in paragraphs:
        text = paragraph.strip()
        match = _BARE.fullmatch(text) or _PREFIXED.fullmatch(text)
        if match is None:
            continue
        said = (match.group("verb") or "help").lower()
        verb = VERBS.get(said)
        if verb is None:
            return Misspelt(said=said[:40], nearest=next(iter(get_close_matches(said, VERBS, n=1)), None))
        return Command(verb=verb, argument=(match.group("rest") or "").strip()[:2000])
    return None


def named_digest(argument: str) -> str | None:
    """Return the digest an approval names, "" when it names none, None when its argument is anything else."""
    if not argument:
        return ""
    return argument if _DIGEST.fullmatch(argument) else None
