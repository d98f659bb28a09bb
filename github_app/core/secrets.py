"""Secrets in what is about to leave this machine: ours by value in every usual disguise, others by their prefixes.

A hit means nothing is published. The text found is never returned, only what kind of thing it was.
"""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote

SHORTEST = 12

_KNOWN = {
    "a GitHub token": rb"\b(?:gh[pousr]_[A-Za-z0-9._-]{30,}|github_pat_[A-Za-z0-9_]{50,})",
    "a private key": rb"-----BEGIN (?:[A-Z ]{0,20})PRIVATE KEY-----",
    "an AWS access key": rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Slack token": rb"\bxox[abeprs]-[A-Za-z0-9-]{20,}",
    "an Anthropic key": rb"\bsk-ant-[A-Za-z0-9_-]{20,}",
    "an OpenAI key": rb"\bsk-(?:proj-)?[A-Za-z0-9_-]{32,}",
    "a Google API key": rb"\bAIza[0-9A-Za-z_-]{35}\b",
    "a Stripe key": rb"\b[sr]k_live_[0-9a-zA-Z]{20,}",
    "an npm token": rb"\bnpm_[A-Za-z0-9]{36}\b",
    "a PyPI token": rb"\bpypi-[A-Za-z0-9_-]{50,}",
}
_PATTERNS = {what: re.compile(pattern) for what, pattern in _KNOWN.items()}
_SPLITTERS = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad\\s]")


def find_secrets(text: bytes, ours: Iterable[str] = ()) -> tuple[str, ...]:
    """Return what kinds of secrets a text holds; empty when none was found."""
    found = [what for what, pattern in _PATTERNS.items() if pattern.search(text)]
    folded = text.lower()
    joined = _SPLITTERS.sub("", text.decode("utf-8", "replace")).encode()
    disguises = {disguise for secret in ours if len(secret) >= SHORTEST for disguise in _disguises(secret)}
    if any(form in text or form in joined or form.lower() in folded for form in disguises):
        found.append("a secret of this server")
    return tuple(found)


def _disguises(secret: str) -> tuple[bytes, ...]:
    """Return the forms in which a value is looked for: plain, reversed, hex, URL-encoded, base64 at each alignment."""
    raw = secret.encode()
    squeezed = "".join(secret.split()).encode()
    forms = {raw, squeezed, raw[::-1], raw.hex().encode(), quote(secret, safe="").encode()}
    for shift in range(3):
        # Without the characters that depend on the neighbours, so that it is found inside a longer encoding.
        encoded = base64.b64encode(b"\0" * shift + raw)
        core = encoded[(0, 2, 3)[shift] : -4]
        forms |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return tuple(form for form in forms if len(form) >= SHORTEST)
