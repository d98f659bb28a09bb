"""The grafted tree is the base and exactly the files that were asked for."""

import pytest
from git_workbench import git

from github_app.errors import GitError
from github_app.git.graft import graft
from github_app.git.remote import Remote


@pytest.fixture
def two(place):
    """Return what fetches two commits into a mirror: the base and a result on top of it."""

    def make(mirror, before, after):
        there = place / "two"
        there.mkdir()
        git(there, "init", "-q", "-b", "main")
        shas = []
        for files in (before, after):
            git(there, "rm", "-rq", "--ignore-unmatch", ".")
            for name, text in files.items():
                (there / name).parent.mkdir(parents=True, exist_ok=True)
                (there / name).write_text(text)
            git(there, "add", "-A")
            git(there, "commit", "-qm", "x")
            shas.append(mirror.fetch(Remote.at(there), "main", None))
        return shas

    return make


def tree(mirror, sha):
    listed = git(mirror.git_dir, "ls-tree", "-r", "-z", sha)
    return {entry.partition("\t")[2]: entry.split()[2] for entry in listed.split("\0") if entry}


def test_the_graft_is_the_base_with_exactly_those_files(mirror, two):
    before = {"a": "1", "tests/t": "1", "tests/u": "1"}
    base, head = two(mirror, before, {"a": "2", "tests/t": "2", "tests/u": "2", "b": "2", "tests/new": "2"})
    made = graft(mirror, "x", base=base, head=head, paths=("tests/t", "tests/new"))

    new = tree(mirror, head)
    expected = {**tree(mirror, base), "tests/t": new["tests/t"], "tests/new": new["tests/new"]}
    assert tree(mirror, made) == expected
    assert git(mirror.git_dir, "rev-parse", f"{made}^") == base


@pytest.mark.parametrize("name", [":/x", ":(top)x", ":(glob)**", "*", "-x", "with space", "x\\y", "日本"])
def test_a_name_that_means_something_to_git_is_only_a_name(mirror, two, name):
    base, head = two(mirror, {"a": "1", "x": "1"}, {"a": "2", "x": "2", name: "2"})
    made = graft(mirror, "x", base=base, head=head, paths=(name,))
    assert git(mirror.git_dir, "diff-tree", "-r", "-z", "--name-only", base, made) == f"{name}\0"


def test_a_folder_of_tests_may_stand_where_the_base_has_a_file(mirror, two):
    base, head = two(mirror, {"spec": "1", "a": "1"}, {"spec/x": "2", "a": "2"})
    assert set(tree(mirror, graft(mirror, "x", base=base, head=head, paths=("spec/x",)))) == {"a", "spec/x"}


@pytest.mark.parametrize("paths", [(), ("missing",), ("gone",), ("same",)])
def test_what_the_result_does_not_have_or_did_not_change_is_not_grafted(mirror, two, paths):
    base, head = two(mirror, {"gone": "1", "same": "1", "a": "1"}, {"same": "1", "a": "2"})
    with pytest.raises(GitError):
        graft(mirror, "x", base=base, head=head, paths=paths)
