"""What is wrong with a policy file, found all at once and each at its line and column."""

from collections.abc import Iterable

from github_app.errors import PolicyError


class UnreadablePolicyError(PolicyError):
    """At least one problem. It is the first of them itself; `problems` has all, in the order of the file."""

    def __init__(self, problems: Iterable[PolicyError]) -> None:
        ordered = tuple(sorted(problems, key=lambda problem: (problem.path, problem.line, problem.column)))
        first = ordered[0]
        super().__init__(first.path, first.line, first.column, first.problem, hint=first.hint)
        self.problems = ordered


def refuse(problems: Iterable[PolicyError]) -> None:
    """Raise UnreadablePolicyError when there is any problem."""
    found = tuple(problems)
    if found:
        raise UnreadablePolicyError(found)
