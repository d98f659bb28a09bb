"""A backend is tried by running its real profile with a program that attacks its own walls."""

import json
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Protocol

from github_app.core.confinement import Bounds, Confinement, Probe, Running, Wall
from github_app.errors import SandboxError
from github_app.sandbox.account import Account
from github_app.sandbox.backend import Backend

_ATTACKS = Path(__file__).with_name("attacks.py")
_PATIENCE = 20.0


class Subject(Protocol):
    """What is probed."""

    account: Account

    @property
    def interpreter(self) -> Path: ...  # noqa: D102
    @property
    def search_path(self) -> str: ...  # noqa: D102
    def start(self, confinement: Confinement) -> Running: ...  # noqa: D102
    def adopt(self, path: Path) -> None: ...  # noqa: D102
    def reclaim(self, path: Path) -> None: ...  # noqa: D102


def probe_by_running(subject: Subject, backend: Backend) -> Probe:
    """Run the attacks inside; the answer says in a sentence what holds or what does not."""
    problem = backend.missing()
    if problem:
        return Probe(works=False, sentence=f"{problem[0].upper()}{problem[1:]}.")
    with tempfile.TemporaryDirectory(prefix="remit-probe-") as name:
        place = Path(name)
        place.chmod(0o711)
        try:
            failures = _attack(subject, place)
        except SandboxError as error:
            reason = ". ".join(filter(None, (str(error), _last_line(place / "stderr"))))
            return Probe(works=False, sentence=f"{backend.describe()} did not start: {reason}.")
        finally:
            if (place / "inside").exists():
                subject.reclaim(place / "inside")
    found = f"{backend.describe()}, as {subject.account.name}"
    if backend.wall is Wall.NONE:
        works = not any(failure.startswith(("no answer", "writing inside", "being root")) for failure in failures)
        return Probe(
            works=works, sentence=f"{found}: nothing is confined, only time, memory, disk and output are bounded."
        )
    if failures:
        return Probe(works=False, sentence=f"{found}: the wall does not hold ({', '.join(failures)}).")
    return Probe(works=True, sentence=f"{found}: files, network and processes confined.")


def _attack(subject: Subject, place: Path) -> list[str]:
    """Return the names of the attacks that succeeded, and of what should work and did not."""
    inside, outside = place / "inside", place / "outside"
    inside.mkdir()
    outside.mkdir(mode=0o755)
    outside.chmod(0o777)
    (outside / "canary").write_text("canary", encoding="ascii")
    (outside / "canary").chmod(0o644)
    shutil.copyfile(_ATTACKS, inside / "attacks.py")
    subject.adopt(inside)
    with socket.create_server(("127.0.0.1", 0)) as server:
        targets = {"outside": str(outside), "port": server.getsockname()[1], "pid": os.getpid()}
        ended = subject.start(
            Confinement(
                argv=(str(subject.interpreter), "-I", "attacks.py"),
                cwd=inside,
                stdout=place / "stdout",
                stderr=place / "stderr",
                writable=(inside,),
                env={"PATH": subject.search_path, "LANG": "C.UTF-8", "HOME": str(inside), "TMPDIR": str(inside)},
                stdin=json.dumps(targets).encode(),
                bounds=Bounds(wall_seconds=_PATIENCE, memory_bytes=256 << 20, processes=32),
            )
        ).wait()
    if ended is None or not ended.ok:
        how = "no ending" if ended is None else f"{ended.ending} {ended.exit_code} {ended.note}"
        return [f"no answer, {how}: {_last_line(place / 'stderr')}"]
    return json.loads((place / "stdout").read_text(encoding="utf-8"))


def _last_line(path: Path) -> str:
    if not path.exists():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
