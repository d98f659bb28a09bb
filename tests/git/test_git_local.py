import hashlib

import pytest
from git_workbench import Bench, git

from github_app.core.names import Instant
from github_app.errors import UsageError
from github_app.git.export import TransportLimits
from github_app.git.importer import seal
from github_app.git.local import Clone, deliver, take_in
from github_app.git.mirror import Mirror

WHO = {"author_name": "remit", "author_email": "remit@example.org", "date": Instant(1_795_000_000_000)}
NEW = ("objects/", "refs/heads/remit", "logs/refs/heads/remit")


@pytest.fixture
def clone(place, upstream):
    """A clone in the middle of somebody's work, with a configuration that would run things."""
    git(place, "clone", "-q", str(upstream), "clone")
    path = place / "clone"
    evil = place / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {place}/canary\n")
    evil.chmod(0o755)
    git(path, "switch", "-qc", "wip")
    (path / "README.md").write_text("half done")
    (path / "staged").write_text("staged")
    git(path, "add", "staged")
    (path / "untracked").write_text("untracked")
    hooks = ("reference-transaction", "post-checkout", "pre-push", "post-merge", "pre-commit")
    for hook in hooks:
        (path / ".git/hooks" / hook).parent.mkdir(exist_ok=True)
        (path / ".git/hooks" / hook).symlink_to(evil)
    for key in ("core.fsmonitor", "core.sshCommand", "core.askPass", "credential.helper", "uploadpack.packObjectsHook"):
        git(path, "config", key, str(evil))
    git(path, "config", "url.https://evil.example/.insteadOf", "file://")
    (place / "canary").unlink(missing_ok=True)
    return path


def photograph(path):
    """Every file with its bytes, mode and time, but for what a new branch is made of."""
    found = {}
    for file in sorted(path.rglob("*")):
        name = str(file.relative_to(path))
        if file.is_file() and not name.removeprefix(".git/").startswith(NEW):
            told = file.lstat()
            found[name] = (hashlib.sha256(file.read_bytes()).hexdigest(), told.st_mode, told.st_mtime_ns)
    return found


def test_a_dirty_clone_gets_the_result_as_a_branch_and_nothing_else_changes(place, clone, confiner, base):
    before = photograph(clone)
    user = Clone.at(clone)
    name, start = user.default_branch()
    assert (name, start) == ("main", base)
    mirror = Mirror.open(place / "mirrors", "local", object_format=user.object_format)
    assert take_in(mirror, user, start) == base
    bench = Bench(place=place, mirror=mirror, base=start, confiner=confiner, limits=TransportLimits())
    with bench.open() as run:
        bench.agent(run, "echo x > a")
        sha = seal(bench.take(run), message="one", **WHO)
        deliver(mirror, user, sha, "remit/docs/1-7")
        deliver(mirror, user, sha, "remit/docs/1-7")
        with pytest.raises(UsageError, match="has a branch wip already"):
            deliver(mirror, user, sha, "wip")
    assert photograph(clone) == before
    assert not (place / "canary").exists()
    (clone / ".git/hooks/pre-commit").unlink()
    git(clone, "config", "--unset", "core.fsmonitor")
    assert git(clone, "show", "remit/docs/1-7:a") == "x"
    assert git(clone, "fsck", "--no-dangling") == ""


def test_without_a_remote_the_head_is_the_start(place):
    git(place, "init", "-q", "-b", "trunk", "alone")
    with pytest.raises(UsageError, match="no commit yet"):
        Clone.at(place / "alone").default_branch()
    git(place / "alone", "commit", "-q", "--allow-empty", "-m", "x")
    assert Clone.at(place / "alone").default_branch() == ("trunk", git(place / "alone", "rev-parse", "HEAD"))


def test_a_linked_worktree_and_a_bare_repository_are_clones_too(place, clone, upstream, base):
    git(clone, "config", "--unset", "core.fsmonitor")
    git(clone, "worktree", "add", "-q", "-f", str(place / "linked"), "main")
    assert Clone.at(place / "linked").git_dir == clone / ".git"
    assert Clone.at(upstream).default_branch() == ("main", base)


@pytest.mark.parametrize("where", ["", "nothing"])
def test_what_is_no_clone_is_refused(place, where):
    with pytest.raises(UsageError, match="is not a git repository"):
        Clone.at(place / where)


def test_a_clone_with_sha256_works(place, confiner):
    git(place, "init", "-q", "-b", "main", "--object-format=sha256", "modern")
    (place / "modern" / "f").write_text("f\n")
    git(place / "modern", "add", "-A")
    git(place / "modern", "commit", "-qm", "x")
    user = Clone.at(place / "modern")
    mirror = Mirror.open(place / "mirrors", "modern", object_format=user.object_format)
    start = take_in(mirror, user, user.default_branch()[1])
    bench = Bench(place=place, mirror=mirror, base=start, confiner=confiner, limits=TransportLimits())
    with bench.open() as run:
        bench.agent(run, "echo x >> f")
        sha = seal(bench.take(run), message="one", **WHO)
        deliver(mirror, user, sha, "remit/docs/1-7")
    assert (len(sha), git(place / "modern", "show", "remit/docs/1-7:f")) == (64, "f\nx")


@pytest.mark.parametrize("key", ["extensions.partialClone", "remote.origin.promisor"])
def test_a_partial_clone_is_refused_because_reading_it_could_start_what_its_configuration_names(clone, key):
    git(clone, "config", key, "true")
    with pytest.raises(UsageError, match="is a partial clone"):
        Clone.at(clone)
