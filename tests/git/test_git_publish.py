import pytest
from git_workbench import Bench, a_place, git, quick_confiner

from github_app.core.names import Instant
from github_app.errors import GitError
from github_app.git.export import TransportLimits
from github_app.git.importer import seal
from github_app.git.mirror import Mirror
from github_app.git.publish import Pushed, Rejected, push
from github_app.git.remote import Remote

BRANCH = "remit/docs/1-7"
WHO = {"author_name": "remit[bot]", "author_email": "remit@example.org", "date": Instant(1_795_000_000_000)}


@pytest.fixture(scope="module")
def bench(seed_upstream):
    with a_place() as place:
        mirror = Mirror.open(place / "mirrors", "1")
        base = mirror.fetch(Remote.at(seed_upstream), "main", None)
        yield Bench(place=place, mirror=mirror, base=base, confiner=quick_confiner(), limits=TransportLimits())


@pytest.fixture(scope="module")
def sealed(bench):
    with bench.open() as run:
        bench.agent(run, "echo x > a")
        yield seal(bench.take(run), message="one", **WHO)


def send(bench, remote, sha, expected=None, branch=BRANCH):
    return push(mirror=bench.mirror, remote=remote, sha=sha, branch=branch, token=None, expected=expected)


def test_the_same_push_again_is_adopted(bench, remote, sealed):
    assert send(bench, remote, sealed) == Pushed(sha=sealed)
    assert send(bench, remote, sealed) == Pushed(sha=sealed, adopted=True)


def test_a_branch_somebody_else_made_is_left_alone(bench, remote, upstream, sealed):
    git(upstream, "update-ref", f"refs/heads/{BRANCH}", bench.base)
    said = send(bench, remote, sealed)
    assert isinstance(said, Rejected)
    assert said.kind == "exists"
    assert git(upstream, "rev-parse", BRANCH) == bench.base


def test_a_branch_that_moved_is_left_alone(bench, remote, upstream, sealed):
    send(bench, remote, sealed)
    git(upstream, "update-ref", f"refs/heads/{BRANCH}", bench.base)
    said = send(bench, remote, sealed, expected=sealed)
    assert isinstance(said, Rejected) or said == Pushed(sha=sealed)
    first = git(upstream, "rev-parse", "main~1")
    git(upstream, "update-ref", f"refs/heads/{BRANCH}", first)
    said = send(bench, remote, sealed, expected=bench.base)
    assert isinstance(said, Rejected)
    assert (said.kind, git(upstream, "rev-parse", BRANCH)) == ("non_fast_forward", first)


def test_our_own_earlier_push_is_replaced(bench, remote, upstream, sealed):
    git(upstream, "update-ref", f"refs/heads/{BRANCH}", bench.base)
    assert send(bench, remote, sealed, expected=bench.base) == Pushed(sha=sealed)
    assert git(upstream, "rev-parse", BRANCH) == sealed


@pytest.mark.parametrize("branch", ["main", "remit/docs/1", "remit/docs/1-7\n", "../main", "refs/heads/main", "--all"])
def test_no_branch_but_ours_is_pushed(bench, remote, sealed, branch):
    with pytest.raises(GitError, match="not a branch of ours"):
        send(bench, remote, sealed, branch=branch)


SAID = {
    "protected": "error: GH006: Protected branch update failed for refs/heads/x.",
    "ruleset": "error: GH013: Repository rule violations found for refs/heads/x.\n- Push cannot contain secrets",
    "workflow": "refusing to allow a GitHub App to create or update workflow `x.yml` without `workflows` permission",
    "too_large": "error: GH001: Large files detected. File a is 101.00 MB; this exceeds GitHub's file size limit",
    "permission": "Permission to o/r.git denied to remit[bot].",
    "other": "no, thanks",
}


@pytest.mark.parametrize("kind", SAID)
def test_a_refusal_is_told_by_what_the_remote_says(bench, remote, upstream, sealed, kind):
    hook = upstream / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{SAID[kind]}\nEND\nexit 1\n")
    hook.chmod(0o755)
    said = send(bench, remote, sealed)
    assert isinstance(said, Rejected)
    assert (said.kind, SAID[kind].splitlines()[0] in said.text) == (kind, True)
