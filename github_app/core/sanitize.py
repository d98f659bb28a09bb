"""What the agent gets of an issue: only what a person reading the page can see.

`sanitize` removes, to a fixpoint, what GitHub does not show or shows only on inspection, and says what it removed. It
is idempotent, and its result holds no format character, no variation selector, no HTML comment and no hidden element.
Anything removed forbids auto_safe, because somebody may have written to the agent behind the reader's back.
"""

import re
import unicodedata
from dataclasses import dataclass

MAX_PASSES = 40

_COMMENT = re.compile(r"<!--.*?(?:--!?>|\Z)|<![^>]*(?:>|\Z)|<\?.*?(?:\?>|\Z)", re.DOTALL)
_UNSEEN = re.compile(
    r"<(script|style|template|iframe|noscript|svg|math|textarea|title|xmp|noembed|noframes|object|head)\b[^>]*>"
    r".*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_HIDDEN = re.compile(
    r"<([a-z][a-z0-9]*)\b[^>]*\b(?:hidden|aria-hidden|style|display)\b[^>]*>.*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<[a-zA-Z/][^<>]*\Z")
_SIMPLE_TAG = re.compile(
    r"</?(?:b|i|em|strong|code|pre|p|br|hr|ul|ol|li|sub|sup|kbd|details|summary|table|thead|tbody|tr|td|th|h[1-6]"
    r"|blockquote|del|ins|s|dl|dt|dd|samp|var|q)\s*/?>",
    re.IGNORECASE,
)
_AUTOLINK = re.compile(r"<(?:https?://|mailto:)[^\s<>]*>")
_IMAGE = re.compile(r"!\[[^\]]*\](?:\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^\]]*\])?")
_LINK_TITLE = re.compile(r"""(\]\(\s*[^\s()]+)\s+(?:"[^"]*"|'[^']*'|\([^()]*\))\s*\)""")
_DEFINITION = re.compile(r"^ {0,3}\[([^\]\n]+)\]:[ \t]*\n?[ \t]*(\S+)[^\n]*$", re.MULTILINE)
_PADDING = re.compile(r"\n{6,}|[ \t]{200,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """A text as it may be handed on, and one sentence for each kind of thing that was taken out."""

    text: str
    removed: tuple[str, ...]


def sanitize(text: str) -> Visible:
    """Return what a reader can see of a Markdown text."""
    found: dict[str, int] = {}
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for _ in range(MAX_PASSES):
        before = text
        text = _pass(text, found)
        if text == before:
            return Visible(text=text, removed=_told(found))
    found["markup nested too deep"] = 1
    return Visible(text=_pass(text.replace("<", "(").replace("![", "["), found), removed=_told(found))


def sanitize_line(text: str) -> Visible:
    """Return a single-line text (a title) with only what a reader can see; markup in it is plain text to GitHub."""
    found: dict[str, int] = {}
    return Visible(text=" ".join(_characters(text, found).split()), removed=_told(found))


def _pass(text: str, found: dict[str, int]) -> str:
    text = _characters(text, found)
    text = _cut(_COMMENT, "", "HTML comment", text, found)
    text = _cut(_UNSEEN, "", "element that is never shown", text, found)
    text = _cut(_HIDDEN, "", "hidden element", text, found)
    text = _tags(text, found)
    text = _cut(_IMAGE, "(image)", "image with its alternative text", text, found)
    text = _cut(_LINK_TITLE, r"\1)", "link title", text, found)
    text = _definitions(text, found)
    return _cut(_PADDING, "\n\n", "padding", text, found)


def _characters(text: str, found: dict[str, int]) -> str:
    kept = [c for c in text if c in "\n\t" or not _unseen(c)]
    if len(kept) != len(text):
        found["invisible character"] = found.get("invisible character", 0) + len(text) - len(kept)
    return "".join(kept)


def _unseen(character: str) -> bool:
    if " " <= character <= "~":
        return False
    code = ord(character)
    return (
        unicodedata.category(character) in {"Cf", "Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0000 <= code <= 0xE0FFF
        or code in {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0}
    )


def _cut(pattern: re.Pattern[str], instead: str, what: str, text: str, found: dict[str, int]) -> str:
    text, count = pattern.subn(instead, text)
    if count:
        found[what] = found.get(what, 0) + count
    return text


def _tags(text: str, found: dict[str, int]) -> str:
    def replace(match: re.Match[str]) -> str:
        if _SIMPLE_TAG.fullmatch(match.group()) or _AUTOLINK.fullmatch(match.group()):
            return match.group()
        found["HTML tag"] = found.get("HTML tag", 0) + 1
        return ""

    return _TAG.sub(replace, text)


def _definitions(text: str, found: dict[str, int]) -> str:
    def replace(match: re.Match[str]) -> str:
        used = f"[{match.group(1).casefold()}]" in _DEFINITION.sub("", text).casefold()
        if used and match.group().strip() == f"[{match.group(1)}]: {match.group(2)}":
            return match.group()
        found["link definition that shows nothing"] = found.get("link definition that shows nothing", 0) + 1
        return ""

    return _DEFINITION.sub(replace, text)


def _told(found: dict[str, int]) -> tuple[str, ...]:
    return tuple(f"{count} x {what}" if count > 1 else what for what, count in found.items())
