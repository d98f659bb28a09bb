"""A tree held against a shape: every mismatch becomes a sentence at the line and column it is about."""

from collections.abc import Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from github_app.errors import PolicyError
from github_app.policy.problems import refuse
from github_app.policy.tree import Items, Leaf, Map, Node, Place, plain

Model = TypeVar("Model", bound=BaseModel)

MAX_PROBLEMS = 100

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
}


def validated(shape: type[Model], tree: Map) -> Model:
    """Return the tree as its shape. Raises UnreadablePolicyError with every mismatch, the first hundred."""
    try:
        return shape.model_validate(plain(tree))
    except ValidationError as error:
        problems = [_problem(shape, tree, details) for details in error.errors(include_url=False)[:MAX_PROBLEMS]]
        refuse(problems)
        raise


def dotted(location: Sequence[str | int]) -> str:
    """Return a location as it is written in sentences and origins: `rules[2].tier`."""
    name = ""
    for step in location:
        match step:
            case int():
                name += f"[{step}]"
            case str():
                name += f".{step}" if name else step
    return name


def nearest(word: str, known: Sequence[str]) -> str:
    """Return `: did you mean 'x'?` for the known word that is close, or nothing."""
    close = get_close_matches(word.lower().replace("-", "_"), known, n=1) or get_close_matches(word, known, n=1)
    return f": did you mean '{close[0]}'?" if close else ""


def _problem(shape: type[BaseModel], tree: Map, details: Any) -> PolicyError:
    location = [step for step in details["loc"] if step != "[key]"]
    on_key = details["loc"][-1:] == ("[key]",)
    key_place, node = _find(tree, location)
    name = f"`{dotted(location)}`"
    kind, context = details["type"], details.get("ctx", {})
    match kind:
        case "extra_forbidden":
            known = _keys(shape, location[:-1])
            hint = f"known here: {', '.join(known)}"
            return key_place.problem(f"unknown key '{location[-1]}'{nearest(str(location[-1]), known)}", hint=hint)
        case "missing":
            return node.place.problem(f"key '{location[-1]}' is missing")
        case "refused":
            place = key_place if on_key else node.place
            return place.problem(f"{name} {context['sentence']}", hint=context["hint"])
        case "literal_error":
            options = tuple(part.strip("'") for part in context["expected"].replace(" or ", ", ").split(", "))
            said = _shown(node)
            close = nearest(node.text, options) if isinstance(node, Leaf) else ""
            return node.place.problem(f"{name} must be one of {', '.join(options)}, not {said}{close}")
        case "greater_than_equal":
            return node.place.problem(f"{name} must be at least {context['ge']:g}, not {_shown(node)}")
        case "less_than_equal":
            return node.place.problem(f"{name} must be at most {context['le']:g}, not {_shown(node)}")
        case "too_short":
            return node.place.problem(f"{name} must not be empty")
        case "too_long" | "string_too_long":
            return node.place.problem(f"{name} is longer than {context['max_length']}")
        case _ if kind in _KINDS:
            return node.place.problem(f"{name} must be {_KINDS[kind]}, not {_shown(node)}", hint=_hint(kind, node))
        case _:
            return node.place.problem(f"{name}: {details['msg']}")


def _find(tree: Map, location: Sequence[str | int]) -> tuple[Place, Node]:
    """Return the place of the last key and the node under it, or the nearest node above when there is none."""
    node: Node = tree
    place = tree.place
    for step in location:
        match node, step:
            case Map(), str() if step in node.entries:
                place, node = node.entries[step].place, node.entries[step].node
            case Items(), int() if step < len(node.items):
                node = node.items[step]
                place = node.place
            case _:
                break
    return place, node


def _keys(shape: type[BaseModel], location: Sequence[str | int]) -> tuple[str, ...]:
    """Return the keys that are known in the map at a location."""
    current: Any = shape
    for step in location:
        current = _inside(_bare(current), step)
    bare = _bare(current)
    return tuple(bare.model_fields) if _is_model(bare) else ()


def _inside(annotation: Any, step: str | int) -> Any:
    if _is_model(annotation):
        known = annotation.model_fields.get(step)
        return None if known is None else known.annotation
    return next(reversed(get_args(annotation)), None)  # the values of a map, the items of a list


def _bare(annotation: Any) -> Any:
    """Return a type without what is said about it and without "or nothing"."""
    while get_origin(annotation) in {Annotated, Union, UnionType}:
        annotation = next(inner for inner in get_args(annotation) if inner is not type(None))
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _shown(node: Node) -> str:
    match node:
        case Leaf(value=None):
            return "nothing"
        case Leaf(value=str(text)):
            return repr(text if len(text) <= 40 else text[:40] + "...")
        case Leaf():
            return node.text[:40]
        case Items():
            return "a list"
        case Map():
            return "a map"


def _hint(kind: str, node: Node) -> str:
    match kind, node:
        case "string_type", Leaf(value=bool() | int() | float() | None) if node.text:
            return f'write "{node.text}" in quotes if it is text'
        case "list_type", Leaf(value=str()):
            return f"write [{node.text}]" if len(node.text) <= 40 else "write - in front of each entry"
        case "bool_type", Leaf(value=str(text)) if text.lower() in {
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "true",
            "false",
        }:
            return f"write {'true' if text.lower() in {'yes', 'on', 'y', 'true'} else 'false'}"
        case "int_type" | "float_type", Leaf(value=str()):
            return "write plain decimal digits, without quotes"
        case _:
            return ""
