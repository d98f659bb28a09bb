import contextlib
import tempfile
from pathlib import Path

import pytest
from worker_bench import Bench, a_task, this_machine
from world import make_world

from github_app.core.proof import AttemptReport
from github_app.git.removal import remove


@contextlib.contextmanager
def a_place():
    """A directory that the agents' account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="remit-worker-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        remove(folder)


@pytest.fixture
def place():
    with a_place() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_place():
    with a_place() as folder:
        yield folder


@pytest.fixture(scope="session")
def machine():
    with a_place() as folder:
        yield this_machine(folder)


@pytest.fixture
def task():
    return a_task()


@pytest.fixture
def report():
    return AttemptReport(outcome="done", sentence="Done.")


@pytest.fixture
def bench(place, machine):
    return Bench.make(place, machine)


@pytest.fixture
def world(place):
    with make_world(place) as made:
        yield made
