"""Policy files in, one `core.policy.Policy` out: strict, with the origin of every value.

`policies/default.yml` always lies at the bottom; then come the sources in the order given (the server's, the
organisation's, the repository's). `extends: strict` lays that shipped file right under the file that says it; `extends:
default` is what happens anyway. A file that cannot be read exactly is never read in part.

Under an organisation's file a repository's may only tighten, unless `repositories` says otherwise.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256

from github_app.core.names import fold
from github_app.core.policy import Policy
from github_app.errors import PolicyError
from github_app.policy.build import built
from github_app.policy.layers import Layer, Source, overlay, overreach
from github_app.policy.problems import refuse
from github_app.policy.shape import PolicyShape
from github_app.policy.shipped import named_source
from github_app.policy.tighten import loosened
from github_app.policy.tree import Entry, Items, Leaf, Map, Place, read_tree
from github_app.policy.validate import nearest, validated


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file that was read and fits the shape: its source and its tree."""

    source: Source
    tree: Map


def read_policy(texts: Sequence[Source] = ()) -> Policy:
    """Return the policy that the sources make together with the shipped default under them.

    The version is the first 12 hexadecimal digits of the SHA-256 over all texts in order, each followed by a NUL, an
    organisation's after the word `organisation` and a NUL.
    Raises UnreadablePolicyError, which is the first problem of the first file that has any and carries the others.
    """
    pile = _Pile(shipped_sheet("default"))
    for text in texts:
        if text.layer is Layer.REPOSITORY and pile.shut:
            pile.leave_out(text)
        else:
            for sheet in _with_base(read_sheet(text)):
                pile.lay(sheet)
    return pile.policy()


def read_sheet(source: Source) -> Sheet:
    """Read one file by itself. Raises UnreadablePolicyError."""
    tree = read_tree(source.path, source.text, source.version)
    validated(PolicyShape, tree)
    return Sheet(source=source, tree=tree)


def lay(sheets: Iterable[Sheet], *, bottom: Sheet | None = None) -> Policy:
    """Return the policy of sheets laid on each other, on the shipped default unless another bottom is given."""
    pile = _Pile(bottom or shipped_sheet("default"))
    for sheet in sheets:
        pile.lay(sheet)
    return pile.policy()


class _Pile:
    """Files laid on each other, and what the organisation's lets those above it do."""

    def __init__(self, bottom: Sheet) -> None:
        self._tree = bottom.tree
        self._digest = sha256(_hashed(bottom.source))
        self._organised: Map | None = None  # everything up to the organisation's file
        self._repository: Map | None = None
        self._notes: list[str] = []

    @property
    def shut(self) -> bool:
        """Say whether an organisation lets repositories say nothing."""
        return self._organised is not None and _word(self._organised) == "none"

    def lay(self, sheet: Sheet) -> None:
        """Lay one more file on top. Raises UnreadablePolicyError when it says what is not its to say."""
        layer = sheet.source.layer
        refuse(overreach(sheet.tree, self._tree, layer))
        self._tree = overlay(self._tree, sheet.tree, layer)
        self._digest.update(_hashed(sheet.source))
        if layer is Layer.ORGANISATION:
            self._organised = self._tree
        elif layer is Layer.REPOSITORY:
            self._repository = sheet.tree

    def leave_out(self, source: Source) -> None:
        """Note that a repository's file is not heard; it counts into the version all the same."""
        self._digest.update(_hashed(source))
        said = self._tree.entries["repositories"].place
        self._notes.append(f"{source.path} is ignored: the organisation's policy says `repositories: none` ({said})")

    def policy(self) -> Policy:
        """Return the policy. Raises UnreadablePolicyError for contradictions and for what may only be tightened."""
        refuse(_contradictions(self._tree))
        made = built(validated(PolicyShape, self._tree), self._tree, self._digest.hexdigest()[:12])
        if self._repository is not None and self._organised is not None and _word(self._organised) == "tighten":
            upper = built(validated(PolicyShape, self._organised), self._organised, "")
            refuse(loosened(upper, made, merged=self._tree, tree=self._repository))
        return replace(made, notes=tuple(self._notes))


def _word(tree: Map) -> str:
    entry = tree.entries.get("repositories")
    return entry.node.text if entry is not None and isinstance(entry.node, Leaf) else "tighten"


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
    """Return a text as it counts into the version; the same text of an organisation's means something else."""
    mark = b"organisation\0" if source.layer is Layer.ORGANISATION else b""
    return mark + source.text.encode("utf-8", "surrogatepass") + b"\0"


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
