"""What is read in an issue's words: what a reader can see of them, what was taken out, how much there is, and hashes.

A decision needs nothing else of a text. `without_words` is what may be stored with a decision: it decides the same and
says nothing.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256

from github_app.core.neutral import cut
from github_app.core.sanitize import sanitize, sanitize_line

TEXT_LIMIT = 50_000  # what fits into a comment that shows all of it, and into a brief beside everything else


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A title and a description as they were read; `characters` are the description's, without white space around."""

    title: str
    body: str
    removed: tuple[str, ...]
    characters: int
    title_hash: str
    body_hash: str

    def without_words(self) -> "Reading":
        """Return the same reading with neither title nor description in it."""
        return replace(self, title="", body="")


@lru_cache(maxsize=64)  # one decision reads the same words several times
def read(title: str, body: str) -> Reading:
    """Read an issue's raw title and description."""
    line, text = sanitize_line(title), sanitize(body)
    long = (f"everything after the first {TEXT_LIMIT} characters",) if len(text.text) > TEXT_LIMIT else ()
    return Reading(
        title=line.text,
        body=cut(text.text, TEXT_LIMIT),
        removed=(*(f"title: {what}" for what in line.removed), *text.removed, *long),
        characters=len(text.text.strip()),
        title_hash=hashed(title),
        body_hash=hashed(body),
    )


def hashed(text: str) -> str:
    """Return the SHA-256 of a text, lone surrogates included."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()
