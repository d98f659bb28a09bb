"""Text from outside, made inert before it is posted: nobody is mentioned, nothing is closed, no bot is commanded.

What GitHub would act on gets a zero-width space inside, which GitHub shows as nothing and matches no longer; markup
that could hide or load something is escaped. The only live closing keyword is the one Remit writes itself.
"""

import re
import unicodedata
from collections.abc import Callable

BREAK = "\u200b"

_DEFINITION = re.compile(r"^([ \t>]*\[[^\]\n]*\])(?=:)", re.MULTILINE)
_MENTION = re.compile(r"@(?=[A-Za-z0-9_])")
_REFERENCE = re.compile(r"(#|GH-)(?=\d)", re.IGNORECASE)
_URL = re.compile(r"(https?:/(?=/)|\bwww(?=\.))", re.IGNORECASE)
_COMMAND = re.compile(r"^([^\S\n]*+(?:(?:[-*+>]|\d{1,9}[.)])[^\S\n]*+)*+)/(?=[A-Za-z])", re.MULTILINE)
_SKIP_CI = re.compile(
    r"\[(?=[ \t]{0,9}(?:(?:skip|no|ci|actions)[ _-](?:ci|skip|actions|cd)|skip)[ \t]{0,9}\])"
    r"|(?<=skip)-(?=checks[ \t]{0,9}:)|(?<=\*\*\*NO)_(?=CI\*\*\*)",
    re.IGNORECASE,
)
_TRAILER = re.compile(r"^([^\S\n]*+[A-Za-z0-9]++(?:-[A-Za-z0-9]++)+)(?=[ \t]{0,9}:)", re.MULTILINE)
_PIPE = re.compile(r"(?<!\\)(\\*+)\|")


def inert(text: str, *, limit: int = 4000) -> str:
    """Return Markdown that shows what `text` says and does nothing; cut to `limit` characters, saying so."""
    return _made(_inert, text, limit)


def inert_block(text: str, *, limit: int = 4000) -> str:
    """Return inert text as a quotation: what a heading, table or fence inside does ends with it."""
    return "\n".join(f"> {line}" for line in inert(text, limit=limit).split("\n"))


def inert_line(text: str, *, limit: int = 200) -> str:
    """Return inert text on one line of at most `limit` characters, safe in a table cell, a heading or a code span."""
    line = _PIPE.sub(r"\1\1\|", _inert(" ".join(text[: 8 * limit].split())).replace("`", "'"))
    return cut_line(line, limit)


def commit_text(text: str, *, limit: int = 2000) -> str:
    """Return text for a commit message: no mention, no closing keyword, no trailer, no CI directive but ours."""
    return _made(_quiet, text, limit)


def commit_line(text: str, *, limit: int) -> str:
    """Return `commit_text` on one line of at most `limit` characters: a commit's subject, a pull request's title."""
    return cut_line(_quiet(" ".join(text[: 8 * limit].split())), limit)


def _made(make: Callable[[str], str], text: str, limit: int) -> str:
    """Make something of the start of a text, which is all that can be shown of it, and say how much is missing."""
    start = text[: 2 * limit]
    return cut(make(start), limit, beyond=len(text) - len(start))


def _inert(text: str) -> str:
    text = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace("![", "!\\[").replace("](", "]\\(")
    text = _DEFINITION.sub(rf"\1{BREAK}", text)
    text = _MENTION.sub(f"@{BREAK}", text)
    text = _URL.sub(rf"\1{BREAK}", text)
    text = _REFERENCE.sub(rf"\1{BREAK}", text)
    text = _COMMAND.sub(rf"\1/{BREAK}", text)
    return _SKIP_CI.sub(lambda match: match.group() + BREAK, text)


def _quiet(text: str) -> str:
    text = _MENTION.sub(f"@{BREAK}", plain(text))
    text = _URL.sub(rf"\1{BREAK}", text)
    text = _REFERENCE.sub(rf"\1{BREAK}", text)
    text = _SKIP_CI.sub(lambda match: match.group() + BREAK, text)
    return _TRAILER.sub(rf"\1{BREAK}", text)


def plain(text: str) -> str:
    """Return text without control, format and surrogate characters; line ends become newlines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    )


def quoted(text: str, *, limit: int) -> str:
    """Return a fenced block that shows `text` exactly, in at most `limit` characters if they are enough for its fences.

    The fence is longer than any run of its own character inside, and of the character that needs the shorter one.
    """
    text = plain(text)
    fence = min((_fence(text, character) for character in "`~"), key=len)
    room = max(0, limit - 2 * len(fence) - len("text\n\n"))
    return f"{fence}text\n{cut(text, room)}\n{fence}"


def _fence(text: str, character: str) -> str:
    longest = max((len(run) for run in re.findall(f"{character}+", text)), default=0)
    return character * max(3, longest + 1)


def cut(text: str, limit: int, *, beyond: int = 0) -> str:
    """Return at most `limit` characters, saying how many are missing, with those `beyond` the end of `text`."""
    total = len(text) + beyond
    if total <= limit and not beyond:
        return text
    kept = min(len(text), max(0, limit - len(f"\n… ({total} more characters)")))
    return f"{text[:kept]}\n… ({total - kept} more characters)"


def cut_line(text: str, limit: int) -> str:
    """Return at most `limit` characters on the same line; an ellipsis stands for the rest."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"
