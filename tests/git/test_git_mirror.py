import threading

import pytest
from git_workbench import git

from github_app.errors import GitError, GitHubUnreachableError, LostAccessError, UsageError
from github_app.git import mirror as mirror_module
from github_app.git.command import (
    Access,
    GitMissingError,
    GitTimeoutError,
    GitTooLargeError,
    Token,
    check_version,
    run_git,
    try_git,
)
from github_app.git.mirror import Mirror
from github_app.git.remote import Protocol, Remote, check_branch, check_sha, explain, remote_head


def test_a_mirror_reads_files_of_a_commit(mirror, base):
    assert mirror.read_file(base, "docs/guide.md", 100) == b"guide\n"
    assert mirror.read_file(base, "docs", 100) is None
    assert mirror.read_file(base, "docs/*", 100) is None
    assert mirror.read_file(base, "--help", 100) is None
    with pytest.raises(GitTooLargeError):
        mirror.read_file(base, "docs/guide.md", 3)


def test_a_link_is_not_a_file(mirror, remote, upstream, place):
    git(place, "clone", "-q", str(upstream), "w")
    (place / "w" / "policy.yml").symlink_to("README.md")
    git(place / "w", "add", "-A")
    git(place / "w", "commit", "-qm", "link")
    git(place / "w", "push", "-q")
    assert mirror.read_file(mirror.fetch(remote, "main", None), "policy.yml", 100) is None


def test_history_is_known(mirror, base, upstream):
    first = git(upstream, "rev-parse", "main~1")
    assert (mirror.is_ancestor(first, base), mirror.is_ancestor(base, first)) == (True, False)
    assert mirror.changed_since(first, base) == ("README.md",)
    with pytest.raises(GitError):
        mirror.is_ancestor("0" * 40, base)


def test_many_callers_share_few_fetches_and_all_see_what_was_there_when_they_asked(
    mirror, remote, upstream, monkeypatch
):
    mirror.fetch(remote, "main", None)
    fetches, seen = [], []
    real = mirror_module.run_git

    def count(args, **more):
        if args[0] == "fetch":
            fetches.append(args)
        return real(args, **more)

    monkeypatch.setattr(mirror_module, "run_git", count)
    moved = git(upstream, "commit-tree", "main^{tree}", "-p", "main", "-m", "third")
    git(upstream, "update-ref", "refs/heads/main", moved)
    all_asked = threading.Barrier(40)

    def ask():
        all_asked.wait()
        seen.append(Mirror.fetch(mirror, remote, "main", None))

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [moved] * 40
    assert len(fetches) < 12


def test_who_asks_later_is_not_answered_by_an_earlier_fetch(mirror, remote, upstream, base):
    moved = git(upstream, "commit-tree", "main^{tree}", "-p", "main", "-m", "third")
    git(upstream, "update-ref", "refs/heads/main", moved)
    assert mirror.fetch(remote, "main", None) == moved != base


def test_a_broken_mirror_is_fetched_again(mirror, remote, base):
    for pack in mirror.objects.rglob("*"):
        if pack.is_file():
            pack.chmod(0o644)
            pack.write_bytes(b"garbage")
    assert mirror.fetch(remote, "main", None) == base
    assert mirror.read_file(base, "docs/guide.md", 100) == b"guide\n"


def test_a_mirror_without_its_frame_is_made_anew(place, mirror, remote, base):
    (mirror.git_dir / "HEAD").write_bytes(b"")
    (mirror.git_dir / "config").write_text("[core]\n\thooksPath = /tmp\n\tbare = false\n")
    again = Mirror.open(place / "mirrors", "42")
    assert "hooksPath" not in (again.git_dir / "config").read_text()
    assert again.fetch(remote, "main", None) == base


def test_a_folder_of_branches_may_replace_a_branch(mirror, remote, upstream, base):
    git(upstream, "update-ref", "-d", "refs/heads/main")
    git(upstream, "update-ref", "refs/heads/main/2", base)
    assert mirror.fetch(remote, "main/2", None) == base


def test_a_remote_that_is_not_there_is_an_error_and_costs_no_mirror(mirror, place, base):
    with pytest.raises(GitError):
        mirror.fetch(Remote.at(place / "nothing"), "main", None)
    with pytest.raises(GitError, match="not a branch name"):
        mirror.fetch(Remote.at(place / "nothing"), "a:refs/heads/b", None)
    assert mirror.read_file(base, "docs/guide.md", 100) == b"guide\n"


def test_a_branch_of_the_remote_is_looked_up(remote, base):
    assert remote_head(remote, "main", None) == base
    assert remote_head(remote, "ain", None) is None


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("ext::sh -c touch% /tmp/x", "https"),
        ("--upload-pack=x", "https"),
        ("https://user@github.com/o/r", "https"),
        ("https://u:p@github.com/o/r", "https"),
        ("http://github.com/o/r", "http"),
        ("http://127.0.0.1.evil.example/o/r", "http"),
        ("http://127.0.0.1:9/o/r", "https"),
        ("https://github.com/o/../r", "https"),
        ("https://github.com/o/r?x=y", "https"),
        ("https://github.com/o/r#x", "https"),
        ("https://github.com/o/r\n", "https"),
        ("https://github.com:x/o/r", "https"),
        ("https://github.com/-o/r", "https"),
        ("file:///etc/../x", "file"),
        ("file://host/x", "file"),
        ("/etc", "file"),
        ("ssh://github.com/o/r", "https"),
    ],
)
def test_an_odd_address_is_refused(url, protocol):
    with pytest.raises(UsageError) as refusal:
        Remote(url=url, protocol=Protocol(protocol))
    assert ":p@" not in refusal.value.sentence


def test_ordinary_addresses_are_fine(place):
    assert Remote(url="https://github.com/octo-org/my.repo.git").url == "https://github.com/octo-org/my.repo.git"
    assert Remote(url="http://127.0.0.1:8123/o/.github.git", protocol=Protocol.HTTP).protocol == "http"
    odd = place / "my clone % here"
    git(place, "init", "-q", "--bare", str(odd))
    assert remote_head(Remote.at(odd), "main", None) is None


@pytest.mark.parametrize(
    "name",
    ["", "-x", "a..b", "a b", "a:b", "a^", "a/", "/a", "a.lock", "a//b", "@", "a@{1}", "HEAD", "a\u202eb", "a\n"],
)
def test_an_odd_branch_name_is_refused(name):
    with pytest.raises(GitError):
        check_branch(name)


@pytest.mark.parametrize("text", ["HEAD", "a" * 39, "A" * 40, "a" * 40 + "\n", "--all", "a" * 41])
def test_an_object_name_is_forty_or_sixty_four_digits(text):
    with pytest.raises(GitError):
        check_sha(text)
    assert check_sha("a" * 64) == "a" * 64


def test_a_token_is_in_the_environment_of_its_process_and_nowhere_else(mirror):
    token = Token(value="ghs_veryse.cret-value")
    access = Access(url="https://github.com/o/r", protocol="https", token=token)
    shown = run_git(("config", "--get-urlmatch", "http.extraHeader", access.url), git_dir=mirror.git_dir, access=access)
    assert shown.decode().strip() == token.header
    other = ("config", "--get-urlmatch", "http.extraHeader", "https://github.com.evil.example/o/r")
    assert try_git(other, git_dir=mirror.git_dir, access=access).out == b""
    assert "cret" not in repr(token) + repr(access)
    said = try_git(("rev-parse", "--verify", f"{token.value}{token.header}"), git_dir=mirror.git_dir, access=access)
    assert (said.code, "cret" in said.text, token.header in said.text) == (128, False, False)
    with pytest.raises(GitError) as problem:
        run_git(("rev-parse", "--verify", token.value), git_dir=mirror.git_dir, access=access)
    assert "cret" not in problem.value.output + problem.value.sentence


def test_git_of_ours_inherits_nothing(mirror, monkeypatch, place):
    (place / "evil").write_text("[alias]\n\tx = !touch canary\n[core]\n\tfsmonitor = x\n")
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, str(place / "evil"))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch canary")
    found = run_git(("config", "--list", "--name-only"), git_dir=mirror.git_dir).decode().split()
    assert "alias.x" not in found
    assert run_git(("config", "core.hooksPath"), git_dir=mirror.git_dir) == b"/dev/null\n"


def test_git_of_ours_reaches_nothing_unless_told(mirror, upstream):
    with pytest.raises(GitError) as problem:
        run_git(("ls-remote", f"file://{upstream}"), git_dir=mirror.git_dir)
    assert "not allowed" in problem.value.output


def test_git_of_ours_is_bounded(mirror):
    with pytest.raises(GitTooLargeError):
        run_git(("help", "-a"), git_dir=mirror.git_dir, limit=10)
    with pytest.raises(GitTimeoutError):
        run_git(("-c", "alias.wait=!exec sleep 60", "wait"), git_dir=mirror.git_dir, timeout=0.05)


@pytest.mark.parametrize("said", ["git version 2.37.9", "git version 1.9", "", "hg 6"])
def test_an_old_git_is_named(said):
    with pytest.raises(GitMissingError, match=r"2\.38 or newer is needed"):
        check_version(said)


@pytest.mark.parametrize("said", ["git version 2.38.0", "git version 2.39.5 (Apple Git-154)", "git version 3.0.1"])
def test_a_new_git_is_fine(said):
    check_version(said)


def test_failures_of_a_remote_are_told_apart():
    def meant(text):
        return type(explain(GitError("git fetch failed", output=text))).__name__

    assert meant("fatal: unable to access 'x': Could not resolve host: github.com") == GitHubUnreachableError.__name__
    assert meant("error: The requested URL returned error: 503") == GitHubUnreachableError.__name__
    assert meant("remote: Repository not found.") == LostAccessError.__name__
    assert meant("fatal: could not read Username for 'https://x'") == "GitHubRefusedError"
    assert meant("fatal: bad object") == "GitError"
