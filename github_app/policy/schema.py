"""The JSON schema of the policy language, for editors: `python -m github_app.policy.schema > policies/schema.json`."""

import json
import sys
from typing import Any

from github_app.policy.shape import PolicyShape


def schema() -> str:
    """Return the schema as the text of `policies/schema.json` (https://json-schema.org/draft/2020-12)."""
    tree = PolicyShape.model_json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Remit policy"}
    return json.dumps(head | _cleaned({key: tree[key] for key in tree if key != "title"}), indent=2) + "\n"


def _cleaned(node: Any) -> Any:
    """Return the schema without what our way of saying "may be left out" put into it."""
    match node:
        case dict():
            return {
                key: _cleaned(value)
                for key, value in node.items()
                if not (key == "default" and value is None) and not (key == "title" and isinstance(value, str))
            }
        case list():
            return [_cleaned(item) for item in node]
        case _:
            return node


if __name__ == "__main__":
    sys.stdout.write(schema())
