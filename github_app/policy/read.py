"""Policy files in, one `core.policy.Policy` out: strict, with the origin of every value.

`policies/default.yml` always lies at the bottom; then come the sources in the order given (the server's, then the
repository's). `extends: strict` lays that shipped file right under the file that says it; `extends: default` is what
happens anyway. A file that cannot be read exactly is never read in part.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from github_app.core.names import fold
from github_app.core.policy import Policy
from github_app.errors import PolicyError
from github_app.policy.build import built
from github_app.policy.layers import Source, overlay, overreach
from github_app.policy.problems import refuse
from github_app.policy.shape import PolicyShape
from github_app.policy.shipped import named_source
from github_app.policy.tree import Entry, Items, Leaf, Map, Place, read_tree
from github_app.policy.validate import nearest, validated


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file that was read and fits the shape: its source and its tree."""

    source: Source
    tree: Map


def read_policy(texts: Sequence[Source] = ()) -> Policy:
    """Return the policy that the sources make together with the shipped default under them.

    The version is the first 12 hexadecimal digits of the SHA-256 over all texts in order, each followed by a NUL.
    Raises UnreadablePolicyError, which is the first problem of the first file that has any and carries the others.
    """
    return lay([sheet for text in texts for sheet in _with_base(read_sheet(text))])


def read_sheet(source: Source) -> Sheet:
    """Read one file by itself. Raises UnreadablePolicyError."""
    tree = read_tree(source.path, source.text, source.version)
    validated(PolicyShape, tree)
    return Sheet(source=source, tree=tree)


def lay(sheets: Iterable[Sheet], *, bottom: Sheet | None = None) -> Policy:
    """Return the policy of sheets laid on each other, on the shipped default unless another bottom is given."""
    first = bottom or shipped_sheet("default")
    merged, digest = first.tree, sha256(_hashed(first.source))
    for sheet in sheets:
        refuse(overreach(sheet.tree, merged, sheet.source.layer))
        merged = overlay(merged, sheet.tree, sheet.source.layer)
        digest.update(_hashed(sheet.source))
    refuse(_contradictions(merged))
    return built(validated(PolicyShape, merged), merged, digest.hexdigest()[:12])


@cache
def shipped_sheet(name: str) -> Sheet:
    """Return a shipped policy file as it was read; once for a process."""
    return read_sheet(named_source(name))


@cache
def default_policy() -> Policy:
    """Return the policy of somebody who wrote none."""
    return read_policy()


def _with_base(sheet: Sheet) -> Iterator[Sheet]:
    extends = sheet.tree.entries.get("extends")
    if extends is not None and isinstance(extends.node, Leaf) and extends.node.text != "default":
        yield shipped_sheet(extends.node.text)
    yield sheet


def _hashed(source: Source) -> bytes:
    return source.text.encode("utf-8", "surrogatepass") + b"\0"


def _contradictions(tree: Map) -> Iterator[PolicyError]:
    """Yield what is wrong with the whole although each file fits the shape."""
    scopes = tree.entries.get("scopes")
    known = tuple(scopes.node.entries) if scopes is not None and isinstance(scopes.node, Map) else ()
    for place, category in _categories(tree):
        if category not in known:
            close = nearest(category, known)
            sentence = f"category '{category}' has no paths it may change{close}"
            yield place.problem(sentence, hint=f'write `scopes: {{{category}: ["**"]}}` or narrower')
    trigger = tree.entries.get("trigger")
    if trigger is None or not isinstance(trigger.node, Leaf) or not isinstance(trigger.node.value, str):
        return
    for name, labels in (("blocked", tree.entries.get("blocked")), ("skip.labels", _inner(tree, "skip", "labels"))):
        if fold(trigger.node.value) in _texts(labels):
            yield trigger.place.problem(
                f"the trigger '{trigger.node.value}' is also in `{name}`: nothing could ever run"
            )


def _categories(tree: Map) -> Iterator[tuple[Place, str]]:
    rules = tree.entries.get("rules")
    if rules is not None and isinstance(rules.node, Items):
        for rule in rules.node.items:
            match rule:
                case Map(entries={"category": Entry(node=Leaf(value=str(category), place=place))}):
                    yield place, category
    agents = tree.entries.get("agents")
    if agents is not None and isinstance(agents.node, Map):
        yield from ((entry.place, category) for category, entry in agents.node.entries.items())


def _inner(tree: Map, *keys: str) -> Entry | None:
    entry = tree.entries.get(keys[0])
    if len(keys) == 1 or entry is None or not isinstance(entry.node, Map):
        return entry
    return _inner(entry.node, *keys[1:])


def _texts(entry: Entry | None) -> frozenset[str]:
    if entry is None or not isinstance(entry.node, Items):
        return frozenset()
    return frozenset(fold(item.text) for item in entry.node.items if isinstance(item, Leaf))
