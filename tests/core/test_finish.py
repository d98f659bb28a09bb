"""What the end of a run, and of a pull request, means for a task."""

import pytest
from core_example import HEAD, NOW, SECOND, facts, finished, having, policy, pull_closed

from github_app.core.decide import decide
from github_app.core.decision import MoveTask, Reply, Verdict
from github_app.core.names import Sha, State
from github_app.core.task import Move


def moves(decision):
    return [change.move for change in decision.changes if isinstance(change, MoveTask)]


def told(decision):
    return [action for action in decision.actions if isinstance(action, Reply)]


@pytest.mark.parametrize(("draft", "word"), [(False, "A pull request"), (True, "A draft")])
def test_a_finished_run_waits_for_review_with_what_was_pushed(draft, word):
    event = finished(
        branch="remit/docs/7-70", head=Sha("c" * 40), pull_number=21, pull_url="https://x/21", draft=draft, base=HEAD
    )
    decision = decide(event, policy(), having(State.RUNNING))
    assert (decision.verdict, moves(decision), told(decision)) == (Verdict.ADVANCE, [Move.SUBMIT], [])
    assert decision.changes[0].set == {
        "branch": "remit/docs/7-70",
        "head": "c" * 40,
        "pull_number": 21,
        "pull_url": "https://x/21",
        "last_failure": "",
    }
    assert decision.reasons[0].sentence.startswith(word)
    assert decision.report is event.report


@pytest.mark.parametrize(("attempts", "wait"), [(1, 30), (2, 120)])
def test_what_may_be_tried_again_is_after_a_growing_while_and_silently(attempts, wait):
    known = having(State.RUNNING, attempts=attempts)
    decision = decide(finished("crashed", retryable=True), policy(), known)
    assert (moves(decision), told(decision)) == ([Move.RETRY], [])
    assert decision.changes[0].set == {"run_after": NOW + wait * SECOND, "last_failure": "crashed"}


@pytest.mark.parametrize(
    ("outcome", "retryable", "attempts", "before"),
    [
        ("refused", False, 1, ""),  # not worth another try
        ("crashed", True, 3, "timed_out"),  # two retries are enough
        ("crashed", True, 2, "crashed"),  # the same failure twice in a row
    ],
)
def test_what_may_not_be_tried_again_fails_aloud(outcome, retryable, attempts, before):
    known = having(State.RUNNING, attempts=attempts, last_failure=before)
    decision = decide(finished(outcome, retryable=retryable), policy(), known)
    assert (moves(decision), [reply.kind for reply in told(decision)]) == ([Move.FAIL], ["failed"])
    assert decision.reasons[0].code == f"attempt.{outcome}"


def test_without_retries_the_first_failure_is_the_end():
    decision = decide(finished("crashed", retryable=True), policy(retries=0), having(State.RUNNING))
    assert moves(decision) == [Move.FAIL]


@pytest.mark.parametrize(
    "known",
    [
        facts(),
        having(State.RUNNING, fence=4),
        having(State.RUNNING, id=71),
        *(having(state) for state in State if state is not State.RUNNING),
    ],
)
@pytest.mark.parametrize("outcome", ["done", "crashed"])
def test_the_report_of_a_lost_lease_counts_for_nothing_but_is_kept(outcome, known):
    event = finished(outcome, retryable=True)
    decision = decide(event, policy(), known)
    assert (decision.verdict, decision.changes, decision.actions) == (Verdict.IGNORE, (), ())
    assert decision.report is event.report


def test_a_merge_completes_a_task():
    decision = decide(pull_closed(merged=True), policy(), having(State.IN_REVIEW))
    assert (moves(decision), decision.reasons[0].sentence) == ([Move.COMPLETE], "Merged by writer.")


def test_closing_without_a_merge_rejects_the_work():
    decision = decide(pull_closed(merged=False), policy(), having(State.IN_REVIEW))
    assert (moves(decision), decision.reasons[0].code) == ([Move.REJECT], "pull.closed")


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("known", [facts(), having(State.RUNNING), having(State.HELD), having(State.COMPLETED)])
def test_a_pull_request_that_no_task_waits_for_moves_nothing(merged, known):
    assert decide(pull_closed(merged=merged), policy(), known).changes == ()


@pytest.mark.parametrize("merged", [True, False])
def test_another_pull_request_from_a_branch_of_the_same_name_moves_nothing(merged):
    decision = decide(pull_closed(merged=merged, number=22), policy(), having(State.IN_REVIEW))
    assert (decision.verdict, decision.changes) == (Verdict.IGNORE, ())
