"""The push: one explicit commit to one branch of ours at one literal address, with a lease on what was there.

A refusal is a value, because it is an ordinary ending; not reaching the remote is an exception, because it is not.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from github_app.core.names import BRANCH, Sha
from github_app.errors import GitError, GitHubRefusedError, LostAccessError
from github_app.git.command import Finished, Token, fail, try_git
from github_app.git.mirror import Mirror
from github_app.git.remote import Remote, check_sha, explain, remote_head


class Refusal(StrEnum):
    """Why a remote did not take a push."""

    NON_FAST_FORWARD = "non_fast_forward"  # the branch is not where we left it
    EXISTS = "exists"  # there is a branch of that name, and we did not make it
    PROTECTED = "protected"
    RULESET = "ruleset"  # push protection for secrets, too
    WORKFLOW = "workflow"
    PERMISSION = "permission"
    TOO_LARGE = "too_large"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The branch points to our commit; `adopted` when it did so already."""

    sha: Sha
    adopted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The remote said no; `text` is what it said, foreign and to be escaped."""

    kind: Refusal
    text: str


# The texts are GitHub's: https://docs.github.com/en/repositories/creating-and-managing-repositories/troubleshooting-git
_SAID = (
    (Refusal.WORKFLOW, r"without `workflows?` (permission|scope)|refusing to allow .* workflow"),
    (Refusal.TOO_LARGE, r"GH001|exceeds GitHub's file size limit|maximum allowed size|returned error: 413|Large files"),
    (Refusal.RULESET, r"GH013|GH009|repository rule violations|Push cannot contain secrets|push declined due to"),
    (Refusal.PROTECTED, r"GH006|protected branch"),
    (Refusal.PERMISSION, r"Permission to .* denied|Write access to repository not granted|returned error: 403"),
)


def push(
    *, mirror: Mirror, remote: Remote, sha: Sha, branch: str, token: Token | None, expected: Sha | None
) -> Pushed | Rejected:
    """Make the remote's branch point to `sha` if it still points to `expected`; None is for a branch not there yet.

    Raises GitHubUnreachableError, LostAccessError, GitHubRefusedError for a spent token, GitError for our own faults.
    """
    if not BRANCH.fullmatch(branch):
        raise GitError(f"not a branch of ours: {branch[:100]!r}")
    if not mirror.has(sha):
        raise GitError(f"the mirror has no commit {check_sha(sha)}")
    ref = f"refs/heads/{branch}"
    args = (
        *("push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no"),
        f"--force-with-lease={ref}:{check_sha(expected) if expected else ''}",
        *(remote.url, f"{check_sha(sha)}:{ref}"),
    )
    finished = try_git(args, git_dir=mirror.git_dir, access=remote.access(token), timeout=300)
    if finished.code == 0:
        return Pushed(sha=sha, adopted=f"=\t{sha}:{ref}" in finished.out.decode(errors="replace"))
    return _refused(args, finished, remote, sha, branch, token, expected)


def _refused(
    args: tuple[str, ...],
    finished: Finished,
    remote: Remote,
    sha: Sha,
    branch: str,
    token: Token | None,
    expected: Sha | None,
) -> Pushed | Rejected:
    """Find out what a failed push means; the branch may be ours already, pushed before a crash."""
    text = f"{finished.text}\n{finished.out.decode(errors='replace')}".strip()
    kind = next((kind for kind, said in _SAID if re.search(said, text, re.IGNORECASE | re.DOTALL)), None)
    if kind is not None:
        return Rejected(kind=kind, text=text)
    if re.search(r"^!\t", text, re.MULTILINE) is None:
        return _unheard(args, finished)
    if remote_head(remote, branch, token) == sha:
        return Pushed(sha=sha, adopted=True)
    if re.search(r"stale info|non-fast-forward|fetch first|already exists|cannot lock ref", text):
        return Rejected(kind=Refusal.EXISTS if expected is None else Refusal.NON_FAST_FORWARD, text=text)
    return Rejected(kind=Refusal.OTHER, text=text)


def _unheard(args: tuple[str, ...], finished: Finished) -> Rejected:
    """Raise for a push that never came to a verdict, except where being denied is the verdict."""
    try:
        fail(args, finished)
    except GitError as error:
        reason = explain(error)
        if isinstance(reason, GitHubRefusedError) and not isinstance(reason, LostAccessError) and reason.status == 403:
            return Rejected(kind=Refusal.PERMISSION, text=finished.text)
        raise reason from error
