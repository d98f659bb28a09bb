"""A policy written out as a file of the policy language, so that `remit policy show` can be read back."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from github_app.core.policy import Policy

_NOT_KEYS = {"version", "origins", "origin", "broken", "notes"}  # found out while reading, not written


def render(policy: Policy) -> str:
    """Return YAML that reads as the same policy, apart from version and origins. Every key is written."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.allow_unicode = True
    yaml.width = 120
    stream = StringIO()
    yaml.dump(as_data(policy), stream)
    return stream.getvalue()


def as_data(policy: Policy) -> dict[str, Any]:
    """Return the same as maps, lists and scalars."""
    return {"version": 1} | _plain(policy)


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.name.lower()
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case tuple():
            return [_plain(item) for item in value]
        case _ if is_dataclass(value):
            return {
                item.name: _plain(getattr(value, item.name)) for item in fields(value) if item.name not in _NOT_KEYS
            }
        case _:
            return value
