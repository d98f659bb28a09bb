"""Every error Remit raises on purpose, each saying whose fault it is and what to try.

Expected endings are values, not exceptions; these are for surprises and for refusals to start. `hint` ends up behind
"try:" on the command line. `exit_code` follows the contract of the command line: 1 findings, 2 usage, 3 not configured,
4 GitHub unreachable.
"""


class RemitError(Exception):
    """Something Remit understands and can explain."""

    exit_code = 1

    def __init__(self, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


class UsageError(RemitError):
    """The person at the keyboard asked for something that cannot be."""

    exit_code = 2


class NotConfiguredError(RemitError):
    """A setting is missing or wrong; the sentence names it."""

    exit_code = 3


class SchemaMismatchError(NotConfiguredError):
    """The database does not fit this code; both versions are named."""


class GitHubUnreachableError(RemitError):
    """GitHub did not answer, or answered that it cannot now; retrying later is right."""

    exit_code = 4


class GitHubRefusedError(RemitError):
    """GitHub understood and said no (4xx); retrying the same call is wrong."""

    def __init__(self, sentence: str, *, status: int, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.status = status


class LostAccessError(GitHubRefusedError):
    """The installation, repository or permission is gone; nothing may be written any more."""


class RateLimitedError(GitHubUnreachableError):
    """GitHub asked us to wait; `retry_after` is in seconds."""

    def __init__(self, sentence: str, *, retry_after: float) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class PolicyError(RemitError):
    """A policy file that cannot be read exactly; `line` and `column` count from 1."""

    def __init__(self, path: str, line: int, column: int, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{path}:{line}:{column}: {problem}", hint=hint)
        self.path, self.line, self.column, self.problem = path, line, column, problem


class PayloadError(RemitError):
    """A signed delivery that does not have the shape of the event it claims to be."""


class IllegalMoveError(RemitError):
    """A task was asked to move in a way the state table does not know; nothing happened."""


class StaleError(RemitError):
    """The row moved on, or the lease was lost; whatever was about to be written is not ours to write."""


class SandboxError(RemitError):
    """The sandbox could not be built or died; nothing was run, or its result does not count."""


class GitError(RemitError):
    """A git command of ours failed; `output` is its text, redacted."""

    def __init__(self, sentence: str, *, output: str = "", hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.output = output


class HostileTreeError(RemitError):
    """What came out of a run is not something Remit will import; the sentence says what it was."""
