"""The registry of agent adapters, by the name policy uses."""

from github_app.agents.command import CommandAgent
from github_app.agents.contract import Adapter
from github_app.errors import UsageError

ADAPTERS: dict[str, type[Adapter]] = {adapter.name: adapter for adapter in (CommandAgent,)}


def adapter_named(name: str) -> Adapter:
    """Return the adapter of that name. Raises UsageError with the known names."""
    if name not in ADAPTERS:
        raise UsageError(f"there is no agent adapter named {name!r}", hint=f"one of {', '.join(sorted(ADAPTERS))}")
    return ADAPTERS[name]()
