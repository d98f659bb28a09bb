"""What a repository's file loosens although its organisation lets it only tighten, each at its line and column."""

from collections.abc import Iterator

from github_app.core.policy import Policy
from github_app.errors import PolicyError
from github_app.policy.strictness import Change, Path, Turn, changes, shown
from github_app.policy.tree import Entry, Items, Map, Node, Place


def loosened(upper: Policy, lower: Policy, *, merged: Map, tree: Map) -> Iterator[PolicyError]:
    """Yield every key of `lower` that is not at least as strict as in `upper`.

    `merged` is the tree `lower` was built from, `tree` the repository's own file; a key that came in by its `extends`
    is told at that line.
    """
    for change in changes(upper, lower):
        if change.turn is not Turn.TIGHTER:
            place, within = _place(merged, change.path, tree)
            yield place.problem(_sentence(change, upper, within), hint=_hint(change))


def _sentence(change: Change, upper: Policy, within: str) -> str:
    key = change.path[0] if change.sentence else change.key
    origin = upper.origin(change.key)
    said = change.sentence or f"{shown(change.old)} there ({origin}), {shown(change.new)} here"
    return f"`{key}`{within} may only be made stricter than in the organisation's policy: {said}"


def _hint(change: Change) -> str:
    return f"{change.hint}, or remove the key" if change.hint else "remove the key"


def _place(merged: Map, path: Path, tree: Map) -> tuple[Place, str]:
    """Return where the repository's file says a key, and how it got there when not by itself."""
    place = _deepest(merged, path)
    if place.path == tree.place.path:
        return place, ""
    extends = tree.entries.get("extends")
    if extends is not None:
        return extends.place, f" of `extends: {getattr(extends.node, 'text', '')}`"
    return tree.place, ""


def _deepest(node: Node, path: Path) -> Place:
    place = node.place
    for step in path:
        match node, step:
            case Map(), str() if isinstance(entry := node.entries.get(step), Entry):
                place, node = entry.place, entry.node
            case Items(), int() if step < len(node.items):
                node = node.items[step]
                place = node.place
            case _:
                break
    return place
