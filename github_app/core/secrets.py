"""Secrets in what is about to leave this machine: ours by value in every usual disguise, others by their prefixes.

A hit means nothing is published. The text found is never returned, only what kind of thing it was. Every pattern is
bounded, so that the time grows with the text and with nothing else.
"""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote

SHORTEST = 12
SHORTEST_SQUEEZED = 20
VARIETY = 8

# https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns
_KNOWN = {
    "a GitHub token": rb"\b(?:gh[pousr]_[A-Za-z0-9._-]{30,600}|github_pat_[A-Za-z0-9_]{50,255})",
    "an AWS access key": rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Slack token": rb"\bxox[abeprs]-[A-Za-z0-9-]{20,255}",
    "an Anthropic key": rb"\bsk-ant-[A-Za-z0-9_-]{20,255}",
    "an OpenAI key": rb"\bsk-(?!ant-)(?:proj-)?[A-Za-z0-9_-]{32,255}",
    "a Google API key": rb"\bAIza[0-9A-Za-z_-]{35}",
    "a Stripe key": rb"\b[sr]k_live_[0-9a-zA-Z]{20,255}",
    "an npm token": rb"\bnpm_[A-Za-z0-9]{36}\b",
    "a PyPI token": rb"\bpypi-[A-Za-z0-9_-]{50,600}",
}
_PATTERNS = {what: re.compile(pattern) for what, pattern in _KNOWN.items()}
# The first line alone is in every manual that explains keys; with what looks like a key behind it, it is one.
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z]{2,12} ){0,3}PRIVATE KEY-----"
    rb"(?:\s{0,4}Proc-Type: 4,ENCRYPTED\s{0,4}DEK-Info: [A-Z0-9,-]{1,80})?[\s\"'`,+\\#*>|-]{0,100}[A-Za-z0-9+/]{24}"
)
_INVISIBLE = re.compile("[\0\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_BLANK = re.compile(rb"\s+")
_NOT_A_WORD = re.compile(rb"[^A-Za-z0-9]+")
_DIGIT = re.compile(rb"[0-9]")


def find_secrets(text: bytes, ours: Iterable[str] = ()) -> tuple[str, ...]:
    """Return what kinds of secrets a text holds; empty when none was found."""
    seen = _INVISIBLE.sub("", text.decode("utf-8", "replace")).encode()
    found = [
        what for what, pattern in _PATTERNS.items() if any(_is_real(hit.group()) for hit in pattern.finditer(seen))
    ]
    if _PRIVATE_KEY.search(seen):
        found.append("a private key")
    if _holds_ours(text, seen, ours):
        found.append("a secret of this server")
    return tuple(found)


def _is_real(hit: bytes) -> bool:
    """Tell a secret from its placeholder in a manual (`ghp_xxxx…`, AWS's own `…EXAMPLE`) and from a long plain name."""
    return len(set(hit[4:])) >= VARIETY and _DIGIT.search(hit[4:]) is not None and not hit.endswith(b"EXAMPLE")


def _holds_ours(text: bytes, seen: bytes, ours: Iterable[str]) -> bool:
    """Look for each disguise as it is, in any case, broken over lines, and broken into pieces of a program."""
    disguises = {disguise for secret in ours if len(secret) >= SHORTEST for disguise in _disguises(secret)}
    if not disguises:
        return False
    folded, joined, squeezed = text.lower(), _BLANK.sub(b"", seen), _NOT_A_WORD.sub(b"", seen)
    return any(
        form in text or form in joined or form.lower() in folded or _squeezed(form, squeezed) for form in disguises
    )


def _squeezed(form: bytes, squeezed: bytes) -> bool:
    """Find a value in pieces (`"abc" + "def"`). Only what is long and no mere phrase: those occur by themselves."""
    core = _NOT_A_WORD.sub(b"", form)
    return len(core) >= SHORTEST_SQUEEZED and _DIGIT.search(core) is not None and core in squeezed


def _disguises(secret: str) -> tuple[bytes, ...]:
    """Return the forms in which a value is looked for: plain, reversed, hex, URL-encoded, base64 at each alignment."""
    raw = secret.encode()
    bare = _BLANK.sub(b"", raw)
    forms = {raw, bare, raw[::-1], raw.hex().encode(), quote(secret, safe="").encode()}
    for shift in range(3):
        # Without the characters that depend on the neighbours, so that it is found inside a longer encoding.
        encoded = base64.b64encode(b"\0" * shift + raw)
        core = encoded[(0, 2, 3)[shift] : -4]
        forms |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return tuple(form for form in forms if len(form) >= SHORTEST)
