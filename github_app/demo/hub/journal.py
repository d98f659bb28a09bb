"""What survives kill -9: one snapshot file, replaced atomically after each change.

The state is small (the git objects and the delivery log have files of their own), so a snapshot is cheaper to trust
than a log of changes.
"""

from pathlib import Path

import msgspec

from github_app.demo.hub.records import State


class Journal:
    """The snapshot of one world."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._file = root / "state.json"
        self._encoder = msgspec.json.Encoder()

    @staticmethod
    def nothing() -> State:
        """Return an empty state."""
        return State()

    @staticmethod
    def read(root: Path) -> State:
        """Return what the last change left, an empty state when there was none."""
        file = root / "state.json"
        return msgspec.json.decode(file.read_bytes(), type=State) if file.exists() else State()

    def write(self, state: State) -> None:
        """Replace the snapshot; a reader sees the old or the new one, never a half."""
        fresh = self._file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(self._encoder.encode(state))
        fresh.replace(self._file)
