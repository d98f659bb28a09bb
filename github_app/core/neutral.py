"""Text from outside, made inert before it is posted: nobody is mentioned, nothing is closed, no bot is commanded.

What GitHub would act on gets a zero-width space inside, which GitHub shows as nothing and matches no longer; markup
that could hide or load something is escaped. The only live closing keyword is the one Remit writes itself.
"""

import re
import unicodedata

BREAK = "\u200b"

_MENTION = re.compile(r"@(?=[A-Za-z0-9_])")
_REFERENCE = re.compile(r"(#|\bGH-)(?=\d)", re.IGNORECASE)
_URL = re.compile(r"(https?:/)(?=/)", re.IGNORECASE)
_COMMAND = re.compile(r"^(\s*(?:[-*+>]\s*|\d+[.)]\s*)*)/(?=[A-Za-z])", re.MULTILINE)
_SKIP_CI = re.compile(
    r"\[(?=\s*(?:skip|no|ci)[ -](?:ci|skip|actions|cd)\s*\]|\s*skip\s*\])|(?<=skip)-(?=checks:)", re.IGNORECASE
)
_TRAILER = re.compile(r"^(\s*[A-Za-z]+(?:-[A-Za-z]+)+)(?=:)", re.MULTILINE)


def inert(text: str, *, limit: int = 4000) -> str:
    """Return Markdown that shows what `text` says and does nothing; cut to `limit` characters, saying so."""
    text = plain(text)
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    text = text.replace("![", "!\\[")
    text = _MENTION.sub(f"@{BREAK}", text)
    text = _URL.sub(rf"\1{BREAK}", text)
    text = _REFERENCE.sub(rf"\1{BREAK}", text)
    text = _COMMAND.sub(rf"\1/{BREAK}", text)
    text = _SKIP_CI.sub(lambda match: match.group() + BREAK, text)
    return cut(text, limit)


def inert_line(text: str, *, limit: int = 200) -> str:
    """Return inert text on one line, safe inside a table cell, a title or a heading."""
    line = inert(" ".join(text.split()), limit=limit)
    return line.replace("|", "\\|").replace("`", "'")


def commit_text(text: str, *, limit: int = 2000) -> str:
    """Return text for a commit message: no mention, no closing keyword, no trailer, no CI directive but ours."""
    text = plain(text)
    text = _MENTION.sub(f"@{BREAK}", text)
    text = _REFERENCE.sub(rf"\1{BREAK}", text)
    text = _SKIP_CI.sub(lambda match: match.group() + BREAK, text)
    text = _TRAILER.sub(rf"\1{BREAK}", text)
    return cut(text, limit)


def plain(text: str) -> str:
    """Return text without control, format and surrogate characters; line ends become newlines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    )


def quoted(text: str, *, limit: int) -> str:
    """Return a fenced block that shows `text` exactly; the fence is longer than any run of backticks inside."""
    body = cut(plain(text), limit)
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{body}\n{fence}"


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters, saying how many are missing."""
    if len(text) <= limit:
        return text
    note = f"\n… ({len(text) - limit} more characters)"
    return text[: max(0, limit - len(note))] + note
