"""Trees change hands, whatever is in them."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from github_app.errors import SandboxError
from github_app.sandbox.account import find_account
from github_app.sandbox.ownership import adopt, reclaim

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand a tree to another account")


@pytest.fixture
def account():
    return find_account(None)


@needs_root
def test_a_tree_is_handed_over_and_taken_back(place, account):
    (place / "a/b").mkdir(parents=True)
    (place / "a/b/file").write_text("x")
    adopt(place / "a", account)
    assert {path.stat().st_uid for path in (place / "a", *(place / "a").rglob("*"))} == {account.uid}
    assert place.stat().st_uid == 0
    reclaim(place / "a")
    assert {path.stat().st_uid for path in (place / "a", *(place / "a").rglob("*"))} == {0}


def test_a_symbolic_link_changes_hands_and_what_it_names_does_not(place, account):
    (place / "outside").mkdir()
    (place / "outside/file").write_text("x")
    (place / "outside").chmod(0)
    (place / "tree").mkdir()
    (place / "tree/link").symlink_to(place / "outside")
    before = (place / "outside").lstat()
    adopt(place / "tree", account)
    reclaim(place / "tree")
    assert ((place / "outside").lstat().st_uid, (place / "outside").lstat().st_mode) == (before.st_uid, before.st_mode)
    (place / "outside").chmod(0o700)


def test_directories_that_nobody_may_enter_are_opened(place):
    (place / "tree/shut/deeper").mkdir(parents=True)
    (place / "tree/shut/deeper").chmod(0)
    (place / "tree/shut").chmod(0)
    reclaim(place / "tree")
    assert stat.S_IMODE((place / "tree/shut/deeper").stat().st_mode) == 0o700
    shutil.rmtree(place / "tree")


def test_a_tree_deeper_than_any_path_or_recursion_is_taken_back(place, account):
    (place / "tree").mkdir()
    handle = os.open(place / "tree", os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("deeper", dir_fd=handle)
        below = os.open("deeper", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.fchmod(handle, 0)
    adopt(place / "tree", account)
    reclaim(place / "tree")
    assert (os.fstat(handle).st_uid, stat.S_IMODE(os.fstat(handle).st_mode)) == (os.geteuid(), 0o700)
    os.close(handle)
    flatten(place / "tree")


def flatten(top):
    """Remove a chain of directories too deep for the standard library."""
    spare = top.with_name("spare")
    while (top / "deeper").exists():
        (top / "deeper").rename(spare)
        top.rmdir()
        spare.rename(top)
    top.rmdir()


@needs_root
def test_a_hard_link_is_not_handed_over(place, account):
    (place / "ours").write_text("x")
    (place / "tree").mkdir()
    (place / "tree/theirs").hardlink_to(place / "ours")
    with pytest.raises(SandboxError, match="theirs is a hard link"):
        adopt(place / "tree", account)
    assert (place / "ours").stat().st_uid == 0


@needs_root
def test_a_tree_out_of_the_accounts_reach_is_refused_with_the_path_and_the_fix(place, account):
    (place / "private/tree").mkdir(parents=True)
    (place / "private").chmod(0o700)
    with pytest.raises(SandboxError) as caught:
        adopt(place / "private/tree", account)
    assert str(place / "private") in caught.value.sentence
    assert "REMIT_WORK_DIR" in caught.value.hint


def test_what_does_not_exist_cannot_change_hands(place):
    with pytest.raises(SandboxError, match="does not exist"):
        reclaim(Path(place, "missing"))


def test_special_files_change_hands_unopened(place):
    (place / "tree").mkdir()
    os.mkfifo(place / "tree/fifo")
    reclaim(place / "tree")
    assert stat.S_ISFIFO((place / "tree/fifo").stat().st_mode)
