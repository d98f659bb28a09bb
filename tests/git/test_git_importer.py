import os
import stat
import zlib
from dataclasses import replace
from hashlib import sha1

import pytest
from git_workbench import git

from github_app.core.names import Instant
from github_app.errors import GitError, HostileTreeError
from github_app.git.command import GitTooLargeError
from github_app.git.export import Export, TransportLimits, export
from github_app.git.importer import import_export, seal

WHO = {"author_name": "remit[bot]", "author_email": "remit@example.org", "date": Instant(1_795_000_000_000)}
KINDS = {"commit": 1, "tree": 2, "blob": 3}


def named(kind, content):
    return sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def pack(*objects):
    """Return a pack as somebody with a hex editor would write it."""
    out = b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")
    for kind, content in objects:
        size, first = len(content) >> 4, KINDS[kind] << 4 | len(content) & 15
        while size:
            out += bytes([first | 128])
            first, size = size & 127, size >> 7
        out += bytes([first]) + zlib.compress(content)
    return out + sha1(out, usedforsecurity=False).digest()


def entry(mode, name, sha):
    return mode + b" " + name + b"\0" + bytes.fromhex(sha)


def committed(tree, *parents, extra=b""):
    lines = [
        f"tree {tree}",
        *(f"parent {parent}" for parent in parents),
        "author a <a@b> 1 +0000",
        "committer a <a@b> 1 +0000",
    ]
    return "\n".join(lines).encode() + b"\n" + extra + b"\nx\n"


@pytest.fixture
def forge(bench, place):
    """Return a function that imports a forged export: objects, and the commit it claims."""

    def bring(objects, sha, **limits):
        path = place / "forged.pack"
        path.write_bytes(pack(*objects) if isinstance(objects, tuple) else objects)
        claimed = Export(run_id="7", sha=sha, pack=path, offset=0)
        before = git(bench.mirror.git_dir, "count-objects", "-v") + git(bench.mirror.git_dir, "show-ref")
        try:
            return import_export(bench.mirror, claimed, bench.base, TransportLimits(**limits))
        finally:
            assert git(bench.mirror.git_dir, "count-objects", "-v") + git(bench.mirror.git_dir, "show-ref") == before

    return bring


def forged_tree(*entries, base):
    tree = b"".join(entries)
    commit = committed(named("tree", tree), base)
    return (("blob", b"x\n"), ("tree", tree), ("commit", commit)), named("commit", commit)


X = named("blob", b"x\n")
HOSTILE_TREES = {
    "dot git": ([entry(b"100644", b".git", X)], "git refuses"),
    "dot git in another case": ([entry(b"100644", b".GIT", X)], "git refuses"),
    "dot git as HFS sees it": ([entry(b"100644", ".g\u200cit".encode(), X)], "git refuses"),
    "dot git as NTFS sees it": ([entry(b"100644", b"git~1", X)], "git refuses"),
    "dot dot": ([entry(b"100644", b"..", X)], "git refuses"),
    "a slash": ([entry(b"100644", b"a/b", X)], "git refuses"),
    "no name": ([entry(b"100644", b"", X)], "git refuses"),
    "twice": ([entry(b"100644", b"a", X), entry(b"100644", b"a", X)], "git refuses"),
    "not sorted": ([entry(b"100644", b"b", X), entry(b"100644", b"a", X)], "git refuses"),
    "setuid": ([entry(b"104755", b"a", X)], "git refuses"),
    "group writes": ([entry(b"100664", b"a", X)], "git refuses"),
    "a zero before the mode": ([entry(b"0100644", b"a", X)], "git refuses"),
    "linked submodule file": ([entry(b"120000", b".gitmodules", X)], "git refuses"),
    "missing": ([entry(b"100644", b"a", "1" * 40)], "git refuses|not complete"),
    "a gitlink": ([entry(b"160000", b"a", "1" * 40)], "submodule"),
    "a tree that is a file": ([entry(b"40000", b"a", X)], "git refuses|not complete"),
}


@pytest.mark.parametrize("case", HOSTILE_TREES)
def test_a_hostile_tree_is_refused(forge, bench, case):
    entries, words = HOSTILE_TREES[case]
    with pytest.raises(HostileTreeError, match=words):
        forge(*forged_tree(*entries, base=bench.base))


def test_a_forged_export_with_an_honest_tree_is_taken(forge, bench):
    imported = forge(*forged_tree(entry(b"100644", b"a", X), base=bench.base))
    assert [change.path for change in imported.changes if change.status == "A"] == ["a"]


@pytest.mark.parametrize("sha", ["", "HEAD", "--all", "A" * 40, "1" * 39, "1" * 64, "1" * 40 + "\n"])
def test_what_is_not_an_object_name_is_refused(forge, sha):
    with pytest.raises(HostileTreeError, match="did not name a commit"):
        forge((("blob", b"x\n"),), sha)


def test_a_commit_that_did_not_come_is_refused(forge, bench):
    for claimed in ("1" * 40, bench.base):
        with pytest.raises(HostileTreeError, match="did not come"):
            forge((("blob", b"x\n"),), claimed)


def test_another_history_is_refused(forge, bench):
    tree = entry(b"100644", b"a", X)
    first = git(bench.mirror.git_dir, "rev-parse", f"{bench.base}~1")
    for parents in ((), (first,), (bench.base, first), (bench.base, bench.base)):
        commit = committed(named("tree", tree), *parents)
        with pytest.raises(HostileTreeError, match=r"does not start from|git refuses"):
            forge((("blob", b"x\n"), ("tree", tree), ("commit", commit)), named("commit", commit))


def test_an_object_of_somebody_else_is_not_lent(forge, bench):
    secret = git(bench.mirror.git_dir, "hash-object", "-w", "-t", "blob", __file__)
    tree = entry(b"100644", b"a", secret)
    commit = committed(named("tree", tree), bench.base)
    with pytest.raises(HostileTreeError, match="borrows objects"):
        forge((("tree", tree), ("commit", commit)), named("commit", commit))


def test_garbage_is_refused(forge):
    good = pack(("blob", b"x\n"))
    for content in (
        b"",
        b"PACK",
        b"garbage" * 10,
        good[:-30],
        good[:8] + b"\xff\xff\xff\xff" + good[12:],
        good[:20] + good[21:],
    ):
        with pytest.raises(HostileTreeError):
            forge(content, "1" * 40)


def test_a_bomb_is_refused(forge, bench):
    tree = entry(b"100644", b"a", named("blob", bytes(1 << 24)))
    commit = committed(named("tree", tree), bench.base)
    objects = (("blob", bytes(1 << 24)), ("tree", tree), ("commit", commit))
    assert len(pack(*objects)) < 1 << 16
    with pytest.raises(HostileTreeError, match="a has 16777216 bytes"):
        forge(objects, named("commit", commit), file_bytes=1 << 20)


def test_too_much_is_refused(bench):
    def limited(**limits):
        return replace(bench, limits=TransportLimits(**limits))

    with bench.open() as run:
        bench.agent(run, "head -c 3000000 /dev/urandom > big; mkdir many; cd many; touch $(seq 300)")
        with pytest.raises(HostileTreeError, match="larger than 100000 bytes"):
            limited(pack_bytes=100_000).take(run)
        with pytest.raises(HostileTreeError, match="big has 3000000 bytes, more than 1000"):
            limited(file_bytes=1000).take(run)
        with pytest.raises(HostileTreeError, match="changes 301 files, more than 300"):
            limited(files=300).take(run)
        with pytest.raises(HostileTreeError, match="more than 3 objects"):
            limited(objects=3).take(run)
        assert len(bench.take(run).changes) == 301


def test_a_hanging_export_ends(bench):
    with bench.open() as run:
        bench.agent(run, "rm ../git/HEAD; mkfifo ../git/HEAD")
        with pytest.raises(HostileTreeError, match=r"within 0\.5 s"):
            export(run, bench.confiner, TransportLimits(seconds=0.5))


def test_an_exporter_that_says_nothing_is_an_error(bench):
    mute = replace(bench.confiner, run=lambda c: bench.confiner.run(replace(c, argv=("true",))))
    with bench.open() as run, pytest.raises(GitError, match="without saying"):
        export(run, mute, bench.limits)


def test_what_is_read_is_bounded(bench):
    with bench.open() as run:
        bench.agent(run, "echo hello > a; printf '\\0\\1' > b; chmod +x b")
        imported = bench.take(run)
        (text, binary) = imported.changes
        assert (text.size, text.binary, binary.binary, binary.new_mode) == (6, False, True, "100755")
        assert imported.read_blob(text.new_sha, 6) == b"hello\n"
        for attempt in (lambda: imported.read_blob(text.new_sha, 5), lambda: imported.patch(20)):
            with pytest.raises(GitTooLargeError):
                attempt()


@pytest.mark.parametrize("name", ["", "a\nparent x", "a <b>", "a\0"])
def test_an_author_cannot_forge_a_header(bench, name):
    with bench.open() as run, pytest.raises(GitError, match="author"):
        seal(bench.take(run), message="x", **{**WHO, "author_name": name})


@pytest.fixture
def closed_umask():
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_the_mirror_stays_readable_and_not_writable_for_others(closed_umask, bench):
    with bench.open() as run:
        bench.agent(run, "echo x > a")
        seal(bench.take(run), message="x", **WHO)
        for path in (bench.mirror.objects, *bench.mirror.objects.rglob("*")):
            mode = path.stat().st_mode
            assert (mode & stat.S_IROTH, mode & (stat.S_IWOTH | stat.S_IWGRP)) == (stat.S_IROTH, 0)
    assert bench.mirror.git_dir.stat().st_mode & stat.S_IWOTH == 0
