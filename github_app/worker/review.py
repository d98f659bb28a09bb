"""The independent review: another run, of another command, that sees the result read-only and says what it thinks.

Advisory. A reviewer that fails leaves a note instead of findings, and never stops a pull request.
"""

import json
from dataclasses import replace
from typing import Any

from github_app.agents.contract import AgentOutcome, Purpose
from github_app.core.brief import review_brief
from github_app.core.names import Sha
from github_app.core.proof import ChangedFile, Finding, Review
from github_app.errors import GitError, HostileTreeError, NotConfiguredError, SandboxError, UsageError
from github_app.git.worktree import open_run
from github_app.worker.live import LiveRun
from github_app.worker.workshop import Order, Workshop

SEVERITIES = ("critical", "major", "minor", "note")
MOST = 50
MOST_READ = 20_000
LARGEST = 1_000_000


def review_result(
    order: Order, shop: Workshop, live: LiveRun, head: Sha, files: tuple[ChangedFile, ...], patch: bytes
) -> Review:
    """Return what the reviewer found in a result."""
    agent = order.policy.agent_for(order.task.category)
    if not agent.review:
        return Review(note="No reviewer is configured (`agent.review` in the server's policy).")
    work = replace(order.work, how=order.review_how)
    try:
        return _ask(order, shop, live, head, review_brief(work, files, patch.decode(errors="replace")))
    except (GitError, SandboxError, HostileTreeError, NotConfiguredError, UsageError) as error:
        return Review(note=f"The reviewer could not be run: {error.sentence}")


def _ask(order: Order, shop: Workshop, live: LiveRun, head: Sha, brief: str) -> Review:
    with open_run(
        mirror=order.mirror,
        work_dir=shop.work_dir,
        run_id=f"{order.run_id}-review",
        branch=None,
        base=head,
        confiner=shop.confiner(live),
    ) as run:
        result = shop.ask(order, live, run, Purpose.REVIEW, brief)
    if result.outcome is not AgentOutcome.DONE:
        return Review(note=f"The reviewer did not finish: {result.sentence}")
    return read_review(result.findings_json, summary=result.summary)


def read_review(text: str | None, *, summary: str = "") -> Review:
    """Return a review from what a reviewer wrote: `{"summary": ..., "findings": [{severity, path, line, sentence}]}`.

    Everything is taken as data, bounded, and an unknown severity counts as the least. The worst come first, whatever
    the reviewer's order.
    """
    summary = _text(summary, 4000)
    if text is None or not text.strip():
        return Review(summary=summary, note="" if summary else "The reviewer left no findings.")
    if len(text) > LARGEST:
        return Review(note="The reviewer wrote too much to be read.", summary=summary)
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return Review(note="The reviewer's findings were not JSON.", summary=summary)
    if isinstance(document, list):
        document = {"findings": document}
    if not isinstance(document, dict) or not isinstance(document.get("findings", []), list):
        return Review(note="The reviewer's findings did not have the agreed form.", summary=summary)
    listed = document.get("findings", [])[:MOST_READ]
    findings = sorted((_finding(item) for item in listed if isinstance(item, dict)), key=_rank)
    return Review(findings=tuple(findings[:MOST]), summary=_text(document.get("summary"), 4000) or summary)


def _finding(item: dict[str, Any]) -> Finding:
    line, severity = item.get("line"), _text(item.get("severity"), 20).lower()
    return Finding(
        severity=severity if severity in SEVERITIES else SEVERITIES[-1],
        path=_text(item.get("path", item.get("file")), 300),
        line=line if isinstance(line, int) and not isinstance(line, bool) and 0 < line < 10_000_000 else None,
        sentence=_text(item.get("sentence", item.get("message")), 2000),
    )


def _text(value: object, limit: int) -> str:
    """Return text that can be stored and sent; JSON can name half a character, which nothing else takes."""
    return value[:limit].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _rank(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)
