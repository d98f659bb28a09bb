"""Whose word a file is, and how one file lies on another.

Maps are merged key by key, everything else is replaced; `protected` and `blocked` are only added to, except by the
server's own file. What is not for every layer to say stands in `RESERVED`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from github_app.core.confinement import Wall
from github_app.core.names import fold
from github_app.errors import PolicyError
from github_app.policy.tree import Entry, Items, Leaf, Map, Node, decode


class Layer(StrEnum):
    """Whose word a file is."""

    SHIPPED = "shipped"  # comes with Remit
    SERVER = "server"  # the self-hoster's
    ORGANISATION = "organisation"  # .github/remit.yml in the owner's repository called .github
    REPOSITORY = "repository"  # .github/remit.yml on the default branch


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The text of one policy file; `version` names its revision (a blob oid, a content hash)."""

    path: str
    text: str
    version: str
    layer: Layer = Layer.REPOSITORY

    @classmethod
    def of(cls, path: str, raw: bytes, version: str, layer: Layer = Layer.REPOSITORY) -> "Source":
        """Return the source for a file's bytes. Raises PolicyError when they are too many or not UTF-8."""
        return cls(path=path, text=decode(path, raw), version=version, layer=layer)


_OPERATOR = frozenset({Layer.ORGANISATION, Layer.REPOSITORY})
_OWNER = frozenset({Layer.REPOSITORY})
RESERVED = {
    "agent": (_OPERATOR, "choose who does the work"),
    "agents": (_OPERATOR, "choose who does the work"),
    "people.bots": (_OWNER, "let an app ask for work"),
    "caps.pending_per_installation": (_OWNER, "say how much a whole installation may have at once"),
    "caps.running_per_installation": (_OWNER, "say how much a whole installation may run at once"),
    "repositories": (_OWNER, "say what a repository's own file may do"),
}
_SHARED = ("caps.pending_per_installation", "caps.running_per_installation")
_ADDED = {"blocked", "protected"}


def overreach(tree: Map, under: Map, layer: Layer) -> Iterator[PolicyError]:
    """Yield what a layer says that is not its to say; `under` is everything below it."""
    if layer not in _OPERATOR:
        return
    for key, (denied, power) in RESERVED.items():
        entry = _entry(tree, key)
        if entry is not None and layer in denied:
            only, ask = (
                ("the server's policy", "who runs Remit")
                if Layer.ORGANISATION in denied
                else ("the server's or the organisation's policy", "who owns the organisation")
            )
            who = "an organisation" if layer is Layer.ORGANISATION else "a repository"
            sentence = f"`{key}` is not for {who}: only {only} may {power}"
            yield entry.place.problem(sentence, hint=f"remove the key, or ask {ask}")
    if layer is Layer.ORGANISATION:
        yield from _raised(tree, under)
    mine, theirs = _entry(tree, "weakest_wall"), _entry(under, "weakest_wall")
    if mine is not None and theirs is not None and _wall(mine.node) < _wall(theirs.node):
        yield mine.place.problem(
            f"`weakest_wall` may not go below '{_wall(theirs.node)}' ({theirs.place}): "
            "only the server's policy may accept a weaker wall",
            hint=f"write {_wall(theirs.node)} or stronger, or remove the key",
        )


def _raised(tree: Map, under: Map) -> Iterator[PolicyError]:
    """Yield the caps by which an organisation would take more of the server than the server gives."""
    for key in _SHARED:
        mine, theirs = _entry(tree, key), _entry(under, key)
        match mine, theirs:
            case Entry(node=Leaf(value=int(more))), Entry(node=Leaf(value=int(most))) if more > most:
                yield mine.place.problem(
                    f"`{key}` may not go above {most} ({theirs.place}): only the server's policy may give more",
                    hint=f"write at most {most}, or remove the key",
                )


def overlay(under: Map, tree: Map, layer: Layer) -> Map:
    """Return one file laid on everything below it; each key keeps the place of who wrote it last."""
    return _merged(under, tree, layer, top=True)


def _merged(under: Map, tree: Map, layer: Layer, *, top: bool) -> Map:
    entries = dict(under.entries)
    for key, entry in tree.entries.items():
        below = entries.get(key)
        match below, entry.node:
            case None, _:
                entries[key] = entry
            case Entry(node=Map() as base), Map() as mine:
                entries[key] = replace(entry, node=_merged(base, mine, layer, top=False))
            case Entry(node=Items() as base), Items() as mine if top and key in _ADDED and layer is not Layer.SERVER:
                entries[key] = replace(entry, node=_added(base, mine, folded=key == "blocked"))
            case Entry() as lower, _ if (
                top and key == "weakest_wall" and layer is Layer.SHIPPED and _wall(entry.node) < _wall(lower.node)
            ):
                # A shipped policy that a repository extends must not undo the server's stronger wall.
                continue
            case _:
                entries[key] = entry
    return replace(tree, entries=entries)


def _added(base: Items, mine: Items, *, folded: bool) -> Items:
    def name(node: Node) -> Any:
        text = node.text if isinstance(node, Leaf) else repr(node)
        return fold(text) if folded else text

    known = {name(item) for item in base.items}
    return replace(mine, items=base.items + tuple(item for item in mine.items if name(item) not in known))


def _entry(tree: Map, key: str) -> Entry | None:
    first, _, rest = key.partition(".")
    entry = tree.entries.get(first)
    if not rest or entry is None:
        return entry
    return _entry(entry.node, rest) if isinstance(entry.node, Map) else None


def _wall(node: Node) -> Wall:
    return Wall[node.text.upper()] if isinstance(node, Leaf) else Wall.BUBBLEWRAP
