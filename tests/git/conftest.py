import shutil
from dataclasses import replace

import pytest
from git_workbench import Bench, a_place, best_confiner, git, quick_confiner

from github_app.git.export import TransportLimits
from github_app.git.mirror import Mirror
from github_app.git.remote import Remote


@pytest.fixture(scope="session")
def confiner():
    return quick_confiner()


@pytest.fixture(scope="session")
def wall():
    return best_confiner()


@pytest.fixture
def place():
    with a_place() as path:
        yield path


@pytest.fixture(scope="session")
def seed_upstream():
    """A bare repository with a small history on main; not to be changed."""
    with a_place() as place:
        seed = place / "seed"
        seed.mkdir()
        git(seed, "init", "-q", "-b", "main")
        files = {
            "README.md": "# Hello\n",
            "src/app.py": "print('hi')\n",
            "docs/guide.md": "guide\n",
            ".gitignore": "*.log\n",
        }
        for name, text in files.items():
            (seed / name).parent.mkdir(parents=True, exist_ok=True)
            (seed / name).write_text(text)
        git(seed, "add", "-A")
        git(seed, "commit", "-qm", "first")
        (seed / "README.md").write_text("# Hello\n\nworld\n")
        git(seed, "commit", "-qam", "second")
        git(place, "clone", "-q", "--bare", str(seed), "upstream.git")
        yield place / "upstream.git"


@pytest.fixture
def upstream(place, seed_upstream):
    return shutil.copytree(seed_upstream, place / "upstream.git")


@pytest.fixture
def remote(upstream):
    return Remote.at(upstream)


@pytest.fixture
def mirror(place):
    return Mirror.open(place / "mirrors", "42")


@pytest.fixture
def base(mirror, remote):
    return mirror.fetch(remote, "main", None)


@pytest.fixture
def bench(place, mirror, base, confiner):
    return Bench(place=place, mirror=mirror, base=base, confiner=confiner, limits=TransportLimits())


@pytest.fixture
def walled_bench(bench, wall):
    """The bench with the real sandbox."""
    return replace(bench, confiner=wall)
