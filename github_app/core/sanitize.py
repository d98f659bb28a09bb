"""What the agent gets of an issue: only what a person reading the page can see.

`sanitize` removes, to a fixpoint, what GitHub does not show or shows only on inspection, and says what it removed. It
is idempotent, and its result holds no format character, no variation selector, no HTML comment and no hidden element.
Anything removed forbids auto_safe, because somebody may have written to the agent behind the reader's back. Every pass
takes time in proportion to the text: the patterns are possessive or stop at the next thing of their kind.
"""

import re
import unicodedata
from dataclasses import dataclass
from html import unescape

from github_app.core.markup import (
    COMMENT,
    ENTITY,
    LINK_TITLE,
    NEVER_SHOWN,
    PADDING,
    drop_definitions,
    drop_images,
    drop_tags,
)

MAX_PASSES = 40

_OPENING = re.compile(r"<|&(?=[#A-Za-z])|!(?=!*\[)|(?<=\])[(:]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """A text as it may be handed on, and one sentence for each kind of thing that was taken out."""

    text: str
    removed: tuple[str, ...]


def sanitize(text: str) -> Visible:
    """Return what a reader can see of a Markdown text."""
    found: dict[str, int] = {}
    text = _characters(text.replace("\r\n", "\n").replace("\r", "\n"), found)
    for _ in range(MAX_PASSES):
        before = text
        text = _pass(text, found)
        if text == before:
            return Visible(text=text, removed=_told(found))
    found["markup nested too deep"] = 1
    text = _OPENING.sub(" ", text)  # nothing that could open anything is left: what follows ends soon
    while (after := _pass(text, found)) != text:
        text = after
    return Visible(text=text, removed=_told(found))


def sanitize_line(text: str) -> Visible:
    """Return a single-line text (a title) with only what a reader can see; markup in it is plain text to GitHub."""
    found: dict[str, int] = {}
    return Visible(text=" ".join(_characters(text, found).split()), removed=_told(found))


def _pass(text: str, found: dict[str, int]) -> str:
    text = _entities(text, found)
    text = _cut(COMMENT, "", "HTML comment", text, found)
    text = _cut(LINK_TITLE, r"\1)", "link title", text, found)
    text = drop_images(text, found)
    text = drop_tags(text, found)
    text = drop_definitions(text, found)
    return _cut(PADDING, "\n\n", "padding", text, found)


def _characters(text: str, found: dict[str, int]) -> str:
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    kept = [c for c in text if c in "\n\t" or not _unseen(c)]
    if len(kept) != len(text):
        found["invisible character"] = found.get("invisible character", 0) + len(text) - len(kept)
    return "".join(kept)


def _entities(text: str, found: dict[str, int]) -> str:
    """Remove character references that stand for something invisible; an agent could read them, a reader cannot."""

    def replace(match: re.Match[str]) -> str:
        if not any(c not in "\n\t" and _unseen(c) for c in unescape(match.group())):
            return match.group()
        found["invisible character"] = found.get("invisible character", 0) + 1
        return ""

    return ENTITY.sub(replace, text)


def _unseen(character: str) -> bool:
    if " " <= character <= "~":
        return False
    code = ord(character)
    return (
        unicodedata.category(character) in {"Cf", "Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0000 <= code <= 0xE0FFF
        or code in NEVER_SHOWN
    )


def _cut(pattern: re.Pattern[str], instead: str, what: str, text: str, found: dict[str, int]) -> str:
    text, count = pattern.subn(instead, text)
    if count:
        found[what] = found.get(what, 0) + count
    return text


def _told(found: dict[str, int]) -> tuple[str, ...]:
    return tuple(f"{count} x {what}" if count > 1 else what for what, count in found.items())
