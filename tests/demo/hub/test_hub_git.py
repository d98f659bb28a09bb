import subprocess

import httpx
import pytest


@pytest.fixture
def clone(hub, widgets, installation, git, tmp_path):
    token = hub.token(installation)
    done = git("clone", "-q", widgets.clone_url, "work", token=token)
    assert done.returncode == 0, done.stderr
    return tmp_path / "work", token


def commit(git, folder, path, content, branch):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(content)
    for arguments in (("checkout", "-q", "-B", branch), ("add", "."), ("commit", "-q", "-m", f"Change {path}")):
        done = git(*arguments, cwd=folder)
        assert done.returncode == 0, done.stderr


def test_a_clone_holds_the_files(clone):
    assert (clone[0] / "src/app.py").read_text() == "print('hello')\n"


def test_a_push_moves_the_branch_and_is_announced(hub, widgets, clone, git, receiver):
    folder, token = clone
    commit(git, folder, "src/app.py", "print('bye')\n", "remit/docs/1-1")
    done = git("push", "origin", "HEAD:refs/heads/remit/docs/1-1", token=token, cwd=folder)
    assert done.returncode == 0, done.stderr
    tip = git("rev-parse", "HEAD", cwd=folder).stdout.strip()
    assert widgets.branches()["remit/docs/1-1"] == tip
    hub.settle()
    pushed = [one.said for one in receiver.got if one.event == "push"]
    assert [(one["ref"], one["after"], one["sender"]["login"]) for one in pushed] == [
        ("refs/heads/remit/docs/1-1", tip, "remit[bot]")
    ]
    assert pushed[0]["commits"][0]["modified"] == ["src/app.py"]
    checked = subprocess.run(["git", "fsck", "--strict"], cwd=widgets.path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_a_lease_on_an_old_commit_is_refused(hub, widgets, clone, git):
    folder, token = clone
    hub.push(widgets, "topic", {"a.txt": "theirs"}, "Theirs", "wren")
    commit(git, folder, "a.txt", "ours", "topic")
    ours = git("rev-parse", "main", cwd=folder).stdout.strip()
    done = git("push", f"--force-with-lease=topic:{ours}", "origin", "HEAD:topic", token=token, cwd=folder)
    assert "stale info" in done.stderr
    theirs = widgets.branches()["topic"]
    done = git("push", f"--force-with-lease=topic:{theirs}", "origin", "HEAD:topic", token=token, cwd=folder)
    assert done.returncode == 0, done.stderr


def test_a_workflow_is_refused_without_the_permission(clone, git):
    folder, token = clone
    commit(git, folder, ".github/workflows/ci.yml", "on: push\n", "topic")
    done = git("push", "origin", "HEAD:topic", token=token, cwd=folder)
    assert done.returncode == 1
    assert (
        "(refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without `workflows` "
        "permission)" in done.stderr
    )


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("protected", ["remote: error: GH006: Protected branch update failed", "(protected branch hook declined)"]),
        ("ruleset", ["remote: error: GH013", "(push declined due to repository rule violations)"]),
        ("secret", ["GITHUB PUSH PROTECTION", "(push declined due to repository rule violations)"]),
        ("large", ["GH001: Large files detected", "(pre-receive hook declined)"]),
    ],
)
def test_a_protected_branch_refuses_in_githubs_words(hub, widgets, clone, git, how, words):
    folder, token = clone
    before = widgets.branches()
    hub.protect(widgets, "main", how)
    commit(git, folder, "a.txt", "a", "main")
    done = git("push", "origin", "main", token=token, cwd=folder)
    assert done.returncode == 1
    assert [word for word in words if word not in done.stderr] == []
    assert widgets.branches() == before


def test_an_atomic_push_moves_nothing_when_one_ref_is_refused(hub, widgets, clone, git):
    folder, token = clone
    hub.protect(widgets, "main")
    commit(git, folder, "a.txt", "a", "main")
    done = git("push", "--atomic", "origin", "main", "HEAD:topic", token=token, cwd=folder)
    assert done.returncode == 1
    assert "topic" not in widgets.branches()


def test_a_large_push_comes_compressed_and_chunked(widgets, clone, git):
    folder, token = clone
    for index in range(300):
        (folder / f"f{index}.txt").write_text(f"{index}\n" * 50)
    commit(git, folder, "big.bin", "".join(chr(65 + (index * index) % 57) for index in range(300_000)), "topic")
    done = git("-c", "http.postBuffer=65536", "push", "origin", "HEAD:topic", token=token, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "topic" in widgets.branches()


def test_who_has_no_right_does_not_get_in(hub, widgets, as_app, installation, git):
    door = f"/app/installations/{installation}/access_tokens"
    readers = as_app.post(door, json={"permissions": {"contents": "read"}}).json()["token"]
    assert git("clone", widgets.clone_url, "a", token=readers).returncode == 0
    refs = f"{widgets.clone_url}/info/refs?service="
    assert httpx.get(f"{refs}git-upload-pack", trust_env=False).headers["www-authenticate"] == 'Basic realm="GitHub"'
    pushing = httpx.get(f"{refs}git-receive-pack", auth=("x-access-token", readers), trust_env=False)
    assert (pushing.status_code, pushing.text) == (403, "Permission to acme/widgets.git denied to remit[bot].\n")
    wrong = httpx.get(f"{refs}git-upload-pack", auth=("x-access-token", "ghs_wrong"), trust_env=False)
    assert wrong.status_code == 401
    absent = httpx.get(
        f"{hub.url}/acme/nope.git/info/refs?service=git-upload-pack", auth=("x", readers), trust_env=False
    )
    assert absent.status_code == 404


def test_anybody_may_clone_what_is_public(hub, widgets, git):
    assert git("clone", widgets.clone_url, "a").returncode == 128
    hub.set_public(widgets, "ada")
    assert git("clone", widgets.clone_url, "b").returncode == 0


def test_a_push_of_a_broken_pack_changes_nothing(hub, widgets, installation):
    old = widgets.branches()["main"]
    line = f"{old} {'1' * 40} refs/heads/main\0report-status".encode()
    body = f"{len(line) + 4:04x}".encode() + line + b"0000" + b"PACK\0\0\0\2\0\0\0\1garbage-garbage-garbage-garbage"
    auth = ("x-access-token", hub.token(installation))
    answer = httpx.post(f"{widgets.clone_url}/git-receive-pack", content=body, auth=auth, trust_env=False)
    assert b"unpack ok" not in answer.content
    assert b"ng refs/heads/main unpacker error" in answer.content
    assert widgets.branches()["main"] == old
