"""Strict YAML, read into a tree in which every key and value knows its place.

A small part of YAML 1.2 (https://yaml.org/spec/1.2.2/): one document of maps with text keys, lists and scalars. No
anchor, alias, tag, directive, merge key or duplicate key; at most 64 KB of UTF-8 and ten levels. `no`, `on`, `yes` and
dates are text; only `true`, `false`, `null`, `~`, nothing at all and plain decimal numbers are something else.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from github_app.errors import PolicyError
from github_app.policy.problems import UnreadablePolicyError, refuse

MAX_BYTES = 64 * 1024
MAX_DEPTH = 10

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something is written; `line` and `column` count from 1, `version` names the text's revision."""

    path: str
    version: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}@{self.version}"

    def problem(self, sentence: str, *, hint: str = "") -> PolicyError:
        """Return an error that points here."""
        return PolicyError(self.path, self.line, self.column, sentence, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A scalar; `text` is what stands in the file."""

    place: Place
    value: str | int | float | bool | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list."""

    place: Place
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key with its value; the place is the key's."""

    place: Place
    node: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """A map, in the order of the file."""

    place: Place
    entries: Mapping[str, Entry] = field(default_factory=dict)


Node = Leaf | Items | Map


def plain(node: Node) -> Any:
    """Return the tree as lists, dictionaries and scalars."""
    match node:
        case Leaf():
            return node.value
        case Items():
            return [plain(item) for item in node.items]
        case Map():
            return {key: plain(entry.node) for key, entry in node.entries.items()}


def decode(path: str, raw: bytes) -> str:
    """Return the text of a policy file's bytes. Raises PolicyError when it is too long or not UTF-8."""
    if len(raw) > MAX_BYTES:
        raise PolicyError(path, 1, 1, f"the file has {len(raw)} bytes; at most {MAX_BYTES} are read")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        good = raw[: error.start].decode("utf-8")
        line, column = good.count("\n") + 1, len(good) - (good.rfind("\n") + 1) + 1
        raise PolicyError(
            path, line, column, f"byte 0x{raw[error.start]:02x} is not UTF-8", hint="save the file as UTF-8"
        ) from error


def read_tree(path: str, text: str, version: str) -> Map:
    """Read one file into a tree; a file without any content is an empty map.

    Raises UnreadablePolicyError with every problem up to the first one that ends the reading.
    """
    length = len(text.encode("utf-8", "surrogatepass"))
    if length > MAX_BYTES:
        raise PolicyError(path, 1, 1, f"the file has {length} bytes; at most {MAX_BYTES} are read")
    reading = _Reading(path=path, version=version)
    root = reading.document(text.removeprefix("\ufeff"))
    refuse(reading.problems)
    match root:
        case None:
            return Map(place=reading.at(0, 0))
        case Map():
            return root
        case Leaf(value=None):
            return Map(place=root.place)
        case _:
            raise UnreadablePolicyError(
                [root.place.problem("the file must be a map of keys", hint="write `key: value`")]
            )


@dataclass(slots=True, kw_only=True)
class _Reading:
    path: str
    version: str
    problems: list[PolicyError] = field(default_factory=list)

    def at(self, line: int, column: int) -> Place:
        return Place(path=self.path, version=self.version, line=line + 1, column=column + 1)

    def document(self, text: str) -> Node | None:
        """Return the only document's root; every problem is noted, one that ends the reading too."""
        try:
            return self._document(YAML(typ="safe", pure=True).parse(text))
        except ReaderError as error:
            before = text[: error.position]
            place = self.at(before.count("\n"), len(before) - (before.rfind("\n") + 1))
            code = error.character if isinstance(error.character, int) else ord(error.character)
            self.problems.append(place.problem(f"the character U+{code:04X} may not stand in a policy file"))
        except MarkedYAMLError as error:
            self.problems.append(self._syntax(error))
        except (YAMLError, ValueError, OverflowError) as error:
            # Escapes beyond Unicode and endless numbers in directives leave the parser as bare ValueErrors.
            self.problems.append(self.at(0, 0).problem(f"not YAML: {_first_line(str(error))}"))
        return None

    def _document(self, stream: Iterator[Any]) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in stream:
            match event:
                case events.DocumentStartEvent():
                    documents += 1
                    if event.version or event.tags:
                        self._note(event, "YAML directives (%...) are not allowed")
                    if documents > 1:
                        self._note(event, "a second document starts here; a policy file is one document")
                        return root
                case events.StreamStartEvent() | events.StreamEndEvent() | events.DocumentEndEvent():
                    continue
                case _:
                    root = self._node(event, stream, 1)
        return root

    def _node(self, event: Any, stream: Iterator[Any], depth: int) -> Node:
        place = self._place(event)
        if depth > MAX_DEPTH:
            raise MarkedYAMLError(problem=f"deeper than {MAX_DEPTH} levels", problem_mark=event.start_mark)
        if isinstance(event, events.AliasEvent):
            self._note(event, f"alias *{event.anchor}: aliases are not allowed", "write the value out")
            return Leaf(place=place, value=None, text="")
        if event.anchor is not None:
            self._note(
                event, f"anchor &{event.anchor}: anchors are not allowed", "write the value out where it is used"
            )
        if event.tag is not None:
            self._note(event, f"tag {event.tag}: tags are not allowed", "put text in quotes, write numbers plainly")
        match event:
            case events.ScalarEvent():
                return self._scalar(event, place)
            case events.SequenceStartEvent():
                items: list[Node] = []
                while not isinstance(inner := next(stream), events.SequenceEndEvent):
                    items.append(self._node(inner, stream, depth + 1))
                return Items(place=place, items=tuple(items))
            case _:
                return self._map(place, stream, depth)

    def _map(self, place: Place, stream: Iterator[Any], depth: int) -> Map:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(stream), events.MappingEndEvent):
            key = self._node(event, stream, depth + 1)
            node = self._node(next(stream), stream, depth + 1)
            match key:
                case Leaf(text="<<") if event.style is None:
                    self._note(event, "merge keys (<<) are not allowed", "write the keys out")
                case Leaf(value=str(name)) if name in entries:
                    first = entries[name].place.line
                    self._note(event, f"key '{name}' is already written in line {first}", "keep one of the two")
                case Leaf(value=str(name)):
                    entries[name] = Entry(place=key.place, node=node)
                case Leaf():
                    self._note(event, f"key {key.text or 'nothing'} is not text", "put the key in quotes")
                case _:
                    self._note(event, "a key must be text, not a list or a map")
        return Map(place=place, entries=entries)

    def _scalar(self, event: Any, place: Place) -> Leaf:
        text = event.value
        bad = next((character for character in text if _unfit(character)), None)
        if bad is not None:
            self._note(event, f"the text contains the control character U+{ord(bad):04X}", "remove it")
        return Leaf(place=place, value=text if event.style else _resolve(text), text=text)

    def _syntax(self, error: MarkedYAMLError) -> PolicyError:
        mark = error.problem_mark or error.context_mark
        place = self.at(mark.line, mark.column) if mark else self.at(0, 0)
        said = _first_line(error.problem or error.context or "unreadable")
        if "'\\t'" in said or "\t" in said or "tab character" in said:
            return place.problem("a tab stands where spaces must be", hint="indent with spaces")
        return place.problem(f"not YAML: {said}")

    def _place(self, event: Any) -> Place:
        return self.at(event.start_mark.line, event.start_mark.column)

    def _note(self, event: Any, sentence: str, hint: str = "") -> None:
        self.problems.append(self._place(event).problem(sentence, hint=hint))


def _first_line(said: str) -> str:
    return next(iter(said.splitlines()), said)


def _unfit(character: str) -> bool:
    return character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cs"}


def _resolve(text: str) -> str | int | float | bool | None:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text
