"""The policies and briefs that come with Remit, found in a checkout and in an installed wheel alike."""

from hashlib import sha256

from github_app.core.names import CATEGORY
from github_app.errors import UsageError
from github_app.policy.layers import Layer, Source
from github_app.shipped import shipped

NAMES = ("default", "strict", "docs-only")


def named_source(name: str) -> Source:
    """Return a shipped policy file; its version is the first 12 hexadecimal digits of its SHA-256.

    Raises UsageError for a name that does not exist.
    """
    if name not in NAMES:
        raise UsageError(f"no shipped policy is called {name!r}", hint=f"one of {', '.join(NAMES)}")
    path = f"policies/{name}.yml"
    raw = shipped(path).read_bytes()
    return Source.of(path, raw, sha256(raw).hexdigest()[:12], Layer.SHIPPED)


def brief(category: str) -> str:
    """Return the shipped brief of a category (or of `review`): how to ask, in Markdown.

    Raises UsageError for a category without one; a repository that invents a category brings its own brief.
    """
    path = f"policies/briefs/{category}.md"
    try:
        if CATEGORY.fullmatch(category):
            return shipped(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(f"no brief for category {category!r}", hint=f"write {path}") from error
    raise UsageError(f"{category!r} is not a category", hint="1 to 20 letters a-z")
