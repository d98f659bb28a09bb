"""What a run proved, and what it reports at its end. A check that could not run has not passed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from github_app.core.names import Sha
from github_app.core.policy import Size


class Verdict(StrEnum):
    """What one check found."""

    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_RUN = "could not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the proof table. `blocks` is false for what is shown but not blamed (it failed on the base too)."""

    name: str
    verdict: Verdict
    note: str = ""
    blocks: bool = True

    @property
    def good(self) -> bool:
        """Say whether this line lets a pull request be ready."""
        return self.verdict is Verdict.PASSED or not self.blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """All lines, in the order they were checked. An empty proof proves nothing."""

    checks: tuple[Check, ...] = ()

    @property
    def passed(self) -> bool:
        """Say whether every line is good and there is at least one."""
        return bool(self.checks) and all(check.good for check in self.checks)

    @property
    def forbids_publishing(self) -> tuple[Check, ...]:
        """Return the failed lines after which nothing may leave this machine, not even as a draft."""
        return tuple(c for c in self.checks if c.name in NEVER_PUBLISHED and not c.good)


PROTECTED, SECRETS, SCOPE, SIZE, KINDS = "protected paths", "secrets", "scope", "size", "file kinds"
NEVER_PUBLISHED = frozenset({PROTECTED, SECRETS, SIZE, KINDS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """One path that differs between base and result; modes as git writes them, sizes in bytes."""

    path: str
    status: str
    old_mode: str
    new_mode: str
    size: int
    added: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One remark of a review."""

    severity: str
    path: str
    line: int | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What the independent review said; `note` explains a review that could not be made."""

    findings: tuple[Finding, ...] = ()
    summary: str = ""
    note: str = ""

    @property
    def critical(self) -> bool:
        """Say whether anything found is critical."""
        return any(f.severity == "critical" for f in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReport:
    """What came of one attempt. `outcome` is an agent outcome, or a word of ours for what happened around it."""

    outcome: str
    sentence: str
    retryable: bool = False
    base: Sha | None = None
    head: Sha | None = None
    branch: str | None = None
    pull_number: int | None = None
    pull_url: str | None = None
    draft: bool = False
    summary: str = ""
    proof: Proof = Proof()
    review: Review = Review()
    wall: str = ""
    seconds: float = 0.0
    turns: int | None = None
    cost_usd: float | None = None


def check_paths(
    files: Sequence[ChangedFile],
    *,
    in_scope: Callable[[str], bool],
    protected: Callable[[str], bool],
    size: Size,
) -> tuple[Check, ...]:
    """Judge which files changed and how much, without looking inside them."""
    outside = [f.path for f in files if not in_scope(f.path)]
    guarded = [f.path for f in files if protected(f.path)]
    odd = [f.path for f in files if f.new_mode not in {"000000", "100644", "100755"}]
    total = sum(f.size for f in files)
    large = [f.path for f in files if f.size > size.file_bytes]
    too_much = ""
    if len(files) > size.files:
        too_much = f"{len(files)} files changed, {size.files} are allowed"
    elif total > size.bytes:
        too_much = f"{total} bytes changed, {size.bytes} are allowed"
    elif large:
        too_much = f"{_some(large)} larger than {size.file_bytes} bytes"
    return (
        _judge(SCOPE, f"outside what this category may change: {_some(outside)}" if outside else ""),
        _judge(PROTECTED, f"touches {_some(guarded)}" if guarded else ""),
        _judge(SIZE, too_much),
        _judge(KINDS, f"not an ordinary file: {_some(odd)}" if odd else ""),
    )


def judge_command(name: str, *, before: Verdict, after: Verdict, note: str = "") -> Check:
    """Judge a check command by what it said on the base and on the result: only passed -> failed is blamed."""
    match before, after:
        case _, Verdict.PASSED:
            return Check(
                name=name, verdict=Verdict.PASSED, note="failed on the base" if before is Verdict.FAILED else ""
            )
        case Verdict.FAILED, Verdict.FAILED:
            return Check(name=name, verdict=Verdict.FAILED, note="fails on the base too: not blamed", blocks=False)
        case Verdict.PASSED, Verdict.FAILED:
            return Check(name=name, verdict=Verdict.FAILED, note=note or "passed on the base, fails now")
        case _, Verdict.FAILED:
            return Check(name=name, verdict=Verdict.FAILED, note="fails now; the base could not be checked")
        case _:
            return Check(name=name, verdict=Verdict.COULD_NOT_RUN, note=note or "could not run")


def _judge(name: str, problem: str) -> Check:
    return Check(name=name, verdict=Verdict.FAILED if problem else Verdict.PASSED, note=problem)


def _some(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"
