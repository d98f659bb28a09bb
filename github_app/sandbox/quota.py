"""The disk limit of a run, watched in a thread because walking a large tree takes longer than a guard may look away."""

import os
import threading
import time

from github_app.sandbox.family import descendants
from github_app.sandbox.meter import disk_used, held_open

_GLANCE = 0.2
_LONGEST_SHARE = 12  # at most one part in twelve of the time is spent walking, while nothing much is written


class Quota:
    """Growth of the writable paths since this object was made, in bytes."""

    def __init__(self, paths: tuple[str, ...], limit: int) -> None:
        self._paths = paths
        self._limit = limit
        self._before = disk_used(paths)
        self.breach: str | None = None
        self.failure: Exception | None = None

    def watch(self, ancestor: int) -> None:
        """Look again and again until the limit is passed; sooner when the file system fills visibly."""
        threading.Thread(target=self._look, args=(ancestor,), daemon=True).start()

    def _look(self, ancestor: int) -> None:
        try:
            while self.breach is None:
                begun, free = time.monotonic(), self._free()
                _, nameless = held_open(descendants(ancestor))
                if disk_used(self._paths) + nameless - self._before > self._limit:
                    self.breach = f"wrote more than {self._limit} bytes to disk"
                rested = time.monotonic() + max(_GLANCE, _LONGEST_SHARE * (time.monotonic() - begun))
                time.sleep(_GLANCE)
                while time.monotonic() < rested and free - self._free() < self._limit // 8:
                    time.sleep(_GLANCE)
        except RecursionError as error:
            self.breach = str(error)
        except Exception as error:  # noqa: BLE001  (the guard raises it: a limit nobody holds is no limit)
            self.failure = error

    def _free(self) -> int:
        """Return the bytes free where the paths lie; somebody else may fill it too, so it only tells when to look."""
        found = (os.statvfs(path) for path in self._paths)
        return sum(each.f_bfree * each.f_frsize for each in found)
