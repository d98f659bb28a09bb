"""A place that untrusted code can reach, a sandbox to try, and a way to find who is still alive."""

import shutil
import tempfile
import time
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from github_app.core.confinement import Bounds, Confinement
from github_app.sandbox.backends import BACKENDS
from github_app.sandbox.family import every_process
from github_app.sandbox.registry import sandbox_named

PROBES = {}


def probed(name):
    """A backend's sandbox and probe, tried once for all tests."""
    if name not in PROBES:
        sandbox = sandbox_named(name)
        PROBES[name] = (sandbox, sandbox.probe())
    return PROBES[name]


def until(condition, seconds=10.0):
    """Poll for a condition of a real process; say whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@dataclass
class Bench:
    """One sandbox, directories of its own and a token that names its processes."""

    sandbox: object
    place: Path
    token: str = field(default_factory=lambda: f"token-{uuid.uuid4().hex}")
    until = staticmethod(until)

    @property
    def tree(self):
        return self.place / "tree"

    @property
    def stdout(self):
        return (self.place / "stdout").read_text()

    @property
    def stderr(self):
        return (self.place / "stderr").read_text()

    def confinement(self, script, **changes):
        bounds = changes.pop("bounds", {})
        base = Confinement(
            argv=(str(self.sandbox.interpreter), "-I", "-c", script, self.token),
            cwd=self.tree,
            stdout=self.place / "stdout",
            stderr=self.place / "stderr",
            writable=(self.tree,),
            env={"PATH": self.sandbox.search_path, "LANG": "C.UTF-8", "HOME": str(self.tree)},
            bounds=replace(Bounds(wall_seconds=30, memory_bytes=512 << 20), **bounds),
        )
        return replace(base, **changes)

    def start(self, script, **changes):
        return self.sandbox.start(self.confinement(script, **changes))

    def run(self, script, **changes):
        ended = self.start(script, **changes).wait(40)
        assert ended is not None
        return ended

    def alive(self):
        """The processes of this bench's runs."""
        found = []
        for entry in every_process():
            try:
                if self.token.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def says(self, text):
        return until(lambda: text in self.stdout)


@pytest.fixture
def place():
    """A directory every account may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="remit-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def bench_for(name, place):
    sandbox, probe = probed(name)
    if not probe.works:
        if name == "none" or (name == "landlock" and not BACKENDS[name].missing()):
            pytest.fail(f"{name} should work here: {probe.sentence}")  # a skip would hide a wall that fell
        pytest.skip(f"{name}: {probe.sentence}")
    (place / "tree").mkdir()
    sandbox.adopt(place / "tree")
    return Bench(sandbox, place)


@pytest.fixture(params=sorted(BACKENDS))
def bench(request, place):
    """Every backend that works here."""
    made = bench_for(request.param, place)
    yield made
    assert made.alive() == []
    made.sandbox.reclaim(made.tree)


@pytest.fixture(params=sorted(set(BACKENDS) - {"none"}))
def walled(request, place):
    """Every backend that works here and is a wall."""
    made = bench_for(request.param, place)
    yield made
    assert made.alive() == []
    made.sandbox.reclaim(made.tree)


@pytest.fixture
def sturdy(place):
    """One backend that works here, for what is the guard's doing and the same behind every wall."""
    name = next(name for name in ("landlock", "bubblewrap", "none") if probed(name)[1].works)
    made = bench_for(name, place)
    yield made
    assert made.alive() == []
    made.sandbox.reclaim(made.tree)
