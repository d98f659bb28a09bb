"""From an order to a proven commit on this machine: worktree, agent, way back, proof, review. Knows no GitHub.

Used by an attempt for GitHub and by `remit run` on a local clone. What is built is good while its `with` block lasts.
"""

import contextlib
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from github_app.agents.contract import AgentOutcome, AgentResult, Purpose
from github_app.core.brief import work_brief
from github_app.core.names import Sha
from github_app.core.neutral import plain
from github_app.core.proof import SIZE, AttemptReport, ChangedFile, Check, Proof, Verdict
from github_app.core.report import commit_message
from github_app.errors import GitError, HostileTreeError, SandboxError
from github_app.git.changes import NOTHING
from github_app.git.command import GitTooLargeError
from github_app.git.export import TransportLimits, export
from github_app.git.importer import Imported, import_export, seal
from github_app.git.worktree import Confiner, Run, open_run
from github_app.worker.check import Result, check_result
from github_app.worker.diff import added_text
from github_app.worker.live import LiveRun, StoppedError
from github_app.worker.review import review_result
from github_app.worker.workshop import PATCH_LIMIT, Order, Workshop

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What came of it: a report, and a commit in the mirror when there is something to publish."""

    report: AttemptReport
    head: Sha | None = None
    files: tuple[ChangedFile, ...] = ()
    patch: bytes = b""


@contextlib.contextmanager
def build(order: Order, shop: Workshop, live: LiveRun, progress: Progress) -> Generator[Built]:
    """Make one attempt and yield what came of it; the worktree is gone afterwards, on every path.

    Raises StoppedError when the attempt was stopped (the work is saved as a patch first), GitError and SandboxError
    for faults of this machine.
    """
    shop.require_wall(order.policy)
    began = time.monotonic()
    progress("worktree")
    with open_run(
        mirror=order.mirror,
        work_dir=shop.work_dir,
        run_id=order.run_id,
        branch=None,
        base=order.base,
        confiner=shop.confiner(live),
    ) as run:
        progress("agent")
        try:
            result = shop.ask(order, live, run, Purpose.WORK, work_brief(order.work, order.policy))
        except StoppedError:
            if live.stopped is not None and not live.stopped.lost:
                _save_patch(order, shop, live, run)
            raise
        report = _report(order, shop, result, began)
        if result.outcome is not AgentOutcome.DONE:
            _save_patch(order, shop, live, run)
            yield Built(report=report)
            return
        progress("proof")
        yield _bring_back(order, shop, live, run, replace(report, seconds=time.monotonic() - began), progress)


def _bring_back(
    order: Order, shop: Workshop, live: LiveRun, run: Run, report: AttemptReport, progress: Progress
) -> Built:
    try:
        imported = _import(order, run, shop.confiner(live))
    except HostileTreeError as error:
        return Built(report=replace(report, outcome="refused_tree", sentence=error.sentence, retryable=False))
    if not imported.changes:
        said = f" It said: {plain(report.summary)[:300]}" if report.summary.strip() else ""
        return Built(report=replace(report, outcome="no_change", sentence=f"The agent changed nothing.{said}"))
    files = tuple(
        ChangedFile(
            path=change.path,
            status=change.status,
            old_mode=change.old_mode,
            new_mode=change.new_mode,
            size=change.size,
            added=change.added,
            removed=change.removed,
        )
        for change in imported.changes
    )
    limit = max(PATCH_LIMIT, 2 * order.policy.size.bytes)
    try:
        patch = imported.patch(limit)
    except GitTooLargeError:
        note = f"the change is too large to be looked through: its patch has more than {limit} bytes"
        check = Check(name=SIZE, verdict=Verdict.FAILED, note=note)
        report = replace(report, proof=Proof(checks=(check,)), retryable=False)
        return Built(report=_unpublishable(report, (check,)), files=files)
    if patch:
        shop.save_patch(order.run_id, patch)  # before anything can still go wrong; dropped when it is published
    message = commit_message(order.task, report, order.requester_email)
    head = seal(imported, message=message, author_name=shop.author_name, author_email=shop.author_email, date=order.now)
    texts = (added_text(patch), message.encode(), order.work.title.encode(), *_unseen_in_patch(imported, order))
    result = Result(head=head, files=files, outgoing=b"\n".join(texts), moved=_moved(imported))
    proof = Proof(checks=check_result(order, shop, live, result))
    report = replace(report, head=head, proof=proof, draft=not proof.passed)
    if proof.forbids_publishing:
        return Built(report=_unpublishable(report, proof.forbids_publishing), files=files, patch=patch)
    progress("review")
    review = review_result(order, shop, live, head, files, patch)
    return Built(report=replace(report, review=review), head=head, files=files, patch=patch)


def _unseen_in_patch(imported: Imported, order: Order) -> tuple[bytes, ...]:
    """Return the names of all changed files and the content of binary ones: a patch shows neither in plain text."""
    changes, size = imported.changes, order.policy.size
    names = "\n".join(change.path for change in changes).encode()
    if sum(change.size for change in changes) > size.bytes:
        return (names,)  # not to be published anyway
    blobs = [change for change in changes if change.binary and change.new_mode != NOTHING]
    return (names, *(imported.read_blob(blob.new_sha, size.bytes) for blob in blobs))


def _moved(imported: Imported) -> dict[str, tuple[str, ...]]:
    """Return the paths whose content stands, unchanged, under a path of its own now; each new path is counted once."""
    fresh: dict[str, list[str]] = {}
    for change in imported.changes:
        if change.old_mode == NOTHING:
            fresh.setdefault(change.new_sha, []).append(change.path)
    gone = [change for change in imported.changes if change.new_mode == NOTHING]
    same = {sha: sum(change.old_sha == sha for change in gone) for sha in fresh}
    return {
        c.path: tuple(fresh[c.old_sha]) for c in gone if c.old_sha in fresh and len(fresh[c.old_sha]) >= same[c.old_sha]
    }


def _import(order: Order, run: Run, confiner: Confiner) -> Imported:
    limits = TransportLimits(pack_bytes=max(8 << 20, order.policy.size.bytes * 4))
    return import_export(order.mirror, export(run, confiner, limits), order.base, limits)


def _unpublishable(report: AttemptReport, failed: tuple[Check, ...]) -> AttemptReport:
    said = "; ".join(f"{check.name}: {check.note}" for check in failed)
    sentence = f"The result must not be published. {said}."
    return replace(report, outcome="unpublishable", sentence=sentence, retryable=False)


def _report(order: Order, shop: Workshop, result: AgentResult, began: float) -> AttemptReport:
    return AttemptReport(
        outcome=str(result.outcome),
        sentence=result.sentence,
        retryable=result.outcome.retryable,
        base=order.base,
        summary=result.summary,
        wall=str(shop.sandbox.wall),
        seconds=time.monotonic() - began,
        turns=result.turns,
        cost_usd=result.cost_usd,
    )


def _save_patch(order: Order, shop: Workshop, live: LiveRun, run: Run) -> None:
    """Save what the agent had done when it did not come to an end; what cannot be imported is not saved."""
    try:
        imported = _import(order, run, shop.confiner(live, salvage=True))
        patch = imported.patch(PATCH_LIMIT)
    except (HostileTreeError, GitError, SandboxError) as error:
        (shop.logs / order.run_id).mkdir(parents=True, exist_ok=True, mode=0o700)
        (shop.logs / order.run_id / "patch.txt").write_text(f"no patch could be saved: {error.sentence}\n")
        return
    if patch:
        shop.save_patch(order.run_id, patch)
