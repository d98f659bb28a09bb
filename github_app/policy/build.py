"""A policy file's shape made into the frozen dataclasses of `core.policy`, with the origin of each value."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from github_app.core.policy import Policy
from github_app.policy.shape import PolicyShape
from github_app.policy.tree import Items, Leaf, Map, Node

Made = TypeVar("Made")

_NOT_FIELDS = frozenset({"version", "extends"})


def built(shape: PolicyShape, tree: Map, version: str) -> Policy:
    """Return the policy; what neither the file nor a file under it says has the value of the dataclass."""
    origins = {
        key: origin
        for key, origin in _origins(tree, str(tree.place), "")
        if key not in _NOT_FIELDS  # they say how the files are read, not what is allowed
    }
    values = _values(Policy, shape, _NOT_FIELDS)
    rules = tuple(
        _with_origin(rule, origins[f"rules[{number}]"]) for number, rule in enumerate(values.pop("rules", ()))
    )
    return Policy(version=version, rules=rules, origins=origins, **values)


def _with_origin(rule: Any, origin: str) -> Any:
    return type(rule)(**{item.name: getattr(rule, item.name) for item in fields(rule)} | {"origin": origin})


def _values(kind: type[Any], shape: BaseModel, without: AbstractSet[str] = frozenset()) -> dict[str, Any]:
    hints = _hints(kind)
    return {
        name: _fitted(getattr(shape, name), hints[name])
        for name in type(shape).model_fields
        if name in shape.model_fields_set and name not in without
    }


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _fitted(value: Any, hint: Any) -> Any:
    """Return a value of the shape as the dataclass wants it: names become enums, lists tuples, maps dataclasses."""
    inner = get_args(hint)
    match value:
        case BaseModel() if is_dataclass(hint) and isinstance(hint, type):
            return hint(**_values(hint, value))
        case list():
            return tuple(_fitted(item, inner[0] if inner else Any) for item in value)
        case dict() if get_origin(hint) is Mapping:
            return {key: _fitted(item, inner[1]) for key, item in value.items()}
        case str() if isinstance(hint, type) and issubclass(hint, Enum):
            return hint[value.upper()]
        case _:
            return value


def _origins(node: Node, origin: str, name: str) -> Iterator[tuple[str, str]]:
    match node:
        case Map():
            for key, entry in node.entries.items():
                yield from _origins(entry.node, str(entry.place), f"{name}.{key}" if name else key)
        case Items():
            yield name, origin
            for number, item in enumerate(node.items):
                yield from _items(item, f"{name}[{number}]")
        case Leaf():
            yield name, origin


def _items(node: Node, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Map):
        yield name, str(node.place)
    yield from _origins(node, str(node.place), name)
