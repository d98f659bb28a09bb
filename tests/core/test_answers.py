"""What people say to Remit, and what it does about it."""

from dataclasses import replace

import pytest
from core_example import (
    ADMIN,
    BODY,
    BOT,
    NOW,
    OTHER,
    OUTSIDER,
    READER,
    SECOND,
    SELF,
    TRIAGER,
    WRITER,
    actor,
    approval,
    facts,
    having,
    issue,
    person,
    policy,
    said,
    task,
)

from github_app.core.decide import decide
from github_app.core.decision import CreateTask, MoveTask, React, RecordApproval, Refresh, Reply, RewordTask, Verdict
from github_app.core.facts import NOBODY, Ledger
from github_app.core.names import Mode, Permission, State
from github_app.core.policy import Approval, People
from github_app.core.task import Move

BUG = facts(issue("bug"))
HELD = having(State.HELD, BUG)
DIGEST = HELD.ledger.task.digest
WRONG = "0" * 12


def kinds(things):
    return [type(thing) for thing in things]


def moves(decision):
    return [change.move for change in decision.changes if isinstance(change, MoveTask)]


def recorded(decision):
    return [change for change in decision.changes if isinstance(change, RecordApproval)]


def told(decision):
    return [action for action in decision.actions if isinstance(action, Reply)]


def by(who, known=HELD):
    return replace(known, sender=who)


@pytest.mark.parametrize("text", ["/approve", f"/approve {DIGEST}", "/remit approve", f"/remit approve {DIGEST}"])
@pytest.mark.parametrize("who", [WRITER, OTHER, ADMIN], ids=lambda who: who.login)
def test_a_writer_approves_exactly_the_text_of_the_open_proposal(who, text):
    decision = decide(said(text, by=who), policy(), by(who))
    (record,) = recorded(decision)
    assert (record.digest, record.user_id, record.login, record.comment_id) == (DIGEST, who.id, who.login, 301)
    assert (decision.verdict, moves(decision)) == (Verdict.APPROVE, [Move.APPROVE])
    assert decision.changes[1].set == {"run_after": NOW}
    assert kinds(decision.actions) == [React, Refresh]


REFUSED = {
    "not alone": (said("/approve", "but only the first half"), policy(), HELD, "stand alone"),
    "after a quote": (said("/approve", alone=False), policy(), HELD, "stand alone"),
    "words behind": (said("/approve please"), policy(), HELD, "nothing else"),
    "words behind the digest": (said(f"/approve {DIGEST} quickly"), policy(), HELD, "nothing else"),
    "a sentence on the next line": (said("/approve\nnot!"), policy(), HELD, "nothing else"),
    "upper-case digest": (said("/approve ABCDEF012345"), policy(), HELD, "nothing else"),
    "half a digest": (said(f"/approve {DIGEST[:6]}"), policy(), HELD, "nothing else"),
    "another digest": (said(f"/approve {WRONG}"), policy(), HELD, f"{WRONG} is not the open proposal"),
    "edited afterwards": (
        said("/approve"),
        policy(),
        having(State.HELD, facts(issue("bug", edited_at=NOW), comment_at=NOW - SECOND)),
        "edited after this comment",
    ),
    "edited in the same second": (
        said("/approve"),
        policy(),
        having(State.HELD, facts(issue("bug", edited_at=NOW), comment_at=NOW)),
        "in the same second",
    ),
    "when it was written is unknown": (said("/approve"), policy(), replace(HELD, comment_at=None), "edited after"),
    "a newer proposal": (
        said("/approve"),
        policy(),
        having(State.HELD, BUG, proposed_at=NOW + SECOND),
        "the proposal is newer",
    ),
    "the author": (
        said("/approve"),
        policy(approval=Approval(author_may_approve=False)),
        HELD,
        "does not let the author",
    ),
    "the labeller": (
        said("/approve"),
        policy(approval=Approval(labeller_may_approve=False)),
        HELD,
        "person who labelled it",
    ),
    "not among the named": (said("/approve"), policy(approval=Approval(users=("admin",))), HELD, "other people"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_no_approval_is_refused_aloud_and_approves_nothing(why):
    event, rules, known, sentence = REFUSED[why]
    decision = decide(event, rules, known)
    assert (decision.verdict, decision.changes, kinds(decision.actions)) == (Verdict.ANSWER, (), [React, Reply])
    assert decision.actions[0].content == "-1"
    (reply,) = told(decision)
    assert (reply.kind, reply.reasons[0].code) == ("refused", "command.refused")
    assert sentence in reply.reasons[0].sentence
    assert reply.once


@pytest.mark.parametrize("who", [TRIAGER, READER, OUTSIDER], ids=lambda who: who.login)
@pytest.mark.parametrize("text", ["/approve", f"/approve {DIGEST}", "/reject", "/remit stop", "/remit retry"])
def test_who_may_not_is_told_once_what_it_needs(text, who):
    one = decide(said(text, by=who), policy(), by(who))
    two = decide(said(text, by=who, comment_id=302), policy(), by(who))
    assert (one.changes, kinds(one.actions), one.actions[0].content) == ((), [React, Reply], "-1")
    assert "needs write permission" in told(one)[0].reasons[0].sentence
    assert told(one)[0].once == told(two)[0].once != ""


def test_two_people_are_each_told_once():
    keys = {told(decide(said("/approve", by=who), policy(), by(who)))[0].once for who in (READER, OUTSIDER)}
    assert len(keys) == 2


@pytest.mark.parametrize("who", [BOT, SELF, NOBODY], ids=lambda who: who.login)
@pytest.mark.parametrize("text", ["/approve", "/reject", "/remit stop", "/remit why", "/remit nonsense"])
def test_what_no_person_says_is_not_heard(text, who):
    decision = decide(said(text, by=who), policy(), by(who))
    assert (decision.verdict, decision.changes, decision.actions) == (Verdict.IGNORE, (), ())


def test_an_app_speaking_for_a_person_is_not_heard():
    event = said("/approve", author=replace(actor(WRITER), human=False), sender=replace(actor(WRITER), human=False))
    assert decide(event, policy(), HELD).actions == ()


def test_somebody_elses_comment_is_not_the_senders_word():
    decision = decide(said("/approve", author=actor(WRITER), sender=actor(ADMIN)), policy(), by(ADMIN))
    assert (decision.verdict, decision.changes) == (Verdict.IGNORE, ())


@pytest.mark.parametrize("state", [None, *(state for state in State if state is not State.HELD)])
def test_a_bare_approve_where_nothing_is_proposed_is_somebody_elses_command(state):
    known = BUG if state is None else having(state, BUG)
    decision = decide(said("/approve"), policy(), known)
    assert (decision.verdict, decision.changes, decision.actions) == (Verdict.IGNORE, (), ())


def test_a_bare_reject_where_no_task_is_open_is_somebody_elses_command():
    assert decide(said("/reject"), policy(), BUG).actions == ()


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.DEFERRED, State.IN_REVIEW])
def test_an_approve_addressed_to_remit_is_answered_even_where_nothing_waits(state):
    decision = decide(said("/remit approve"), policy(), having(state, BUG))
    assert (decision.changes, [reply.kind for reply in told(decision)]) == ((), ["noted"])


def test_the_named_approve_whatever_the_case_of_their_login():
    rules = policy(approval=Approval(users=("Writer",)))
    assert moves(decide(said("/approve"), rules, HELD)) == [Move.APPROVE]


def test_being_named_does_not_replace_permission():
    rules = policy(approval=Approval(users=("reader",)))
    assert decide(said("/approve", by=READER), rules, by(READER)).changes == ()


def test_another_person_than_author_and_labeller_approves():
    rules = policy(approval=Approval(author_may_approve=False, labeller_may_approve=False))
    assert moves(decide(said("/approve", by=OTHER), rules, by(OTHER))) == [Move.APPROVE]


def test_a_policy_may_ask_for_more_than_write():
    rules = policy(approval=Approval(permission=Permission.ADMIN))
    assert decide(said("/approve"), rules, HELD).changes == ()
    assert moves(decide(said("/approve", by=ADMIN), rules, by(ADMIN))) == [Move.APPROVE]


TWO = policy(approval=Approval(count=2))


def given(*approvals):
    return replace(HELD, ledger=replace(HELD.ledger, approvals=approvals))


def test_the_first_of_two_approvals_is_recorded_and_frees_nothing():
    decision = decide(said("/approve"), TWO, HELD)
    assert (len(recorded(decision)), moves(decision)) == (1, [])
    assert decision.reasons[0].code == "approval.partial"
    assert "1 more needed" in decision.reasons[0].sentence


def test_the_second_person_frees_the_task():
    known = given(approval(OTHER, DIGEST))
    assert moves(decide(said("/approve"), TWO, known)) == [Move.APPROVE]


def test_the_same_person_twice_is_one_approval():
    known = given(approval(WRITER, DIGEST))
    assert moves(decide(said("/approve"), TWO, known)) == []


def test_an_approval_of_another_text_is_not_the_other_half():
    known = given(approval(OTHER, WRONG))
    assert moves(decide(said("/approve"), TWO, known)) == []


CHANGED = issue("bug", body=BODY * 2, edited_at=NOW - 2 * SECOND)


@pytest.mark.parametrize(
    "about",
    [
        CHANGED,
        issue("bug", "documentation"),
        issue("bug", title="Something else"),
        issue("bug", editor=OUTSIDER, body=BODY + "\u200b", edited_at=NOW - 9 * SECOND),
    ],
)
def test_an_issue_that_is_another_one_by_now_is_proposed_anew_instead_of_approved(about):
    known = replace(HELD, issue=about)
    decision = decide(said("/approve"), policy(), known)
    assert (recorded(decision), Move.APPROVE in moves(decision)) == ([], False)
    assert isinstance(decision.changes[0], RewordTask)
    assert [reply.reasons[0].code for reply in told(decision)] == ["approval.void"]


def test_an_issue_that_may_not_run_any_more_is_cancelled_instead_of_approved():
    known = replace(HELD, issue=issue("bug", "security"))
    decision = decide(said("/approve"), policy(), known)
    assert (recorded(decision), moves(decision)) == ([], [Move.CANCEL])


def test_an_approval_under_another_policy_counts_for_nothing():
    decision = decide(said("/approve"), policy(version="ffffffffffff"), HELD)
    assert (recorded(decision), Move.APPROVE in moves(decision)) == ([], False)


@pytest.mark.parametrize("state", [State.DEFERRED, State.HELD, State.QUEUED, State.RUNNING, State.RETRYABLE])
@pytest.mark.parametrize(
    ("text", "move", "verdict", "sentence"),
    [
        ("/reject", Move.REJECT, Verdict.REJECT, "Rejected by writer."),
        ("/reject not now, thank you", Move.REJECT, Verdict.REJECT, "Rejected by writer: not now, thank you."),
        ("/remit reject\nwrong place", Move.REJECT, Verdict.REJECT, "Rejected by writer: wrong place."),
        ("/remit stop", Move.CANCEL, Verdict.STOP, "Stopped by writer."),
        (
            "/remit stop\nthe wrong branch",
            Move.CANCEL,
            Verdict.STOP,
            "Stopped by writer: the wrong branch.",
        ),
    ],
)
def test_a_writer_ends_a_task(text, move, verdict, sentence, state):
    decision = decide(said(text), policy(), having(state, BUG))
    assert (decision.verdict, moves(decision), decision.reasons[0].sentence) == (verdict, [move], sentence)


def test_a_pull_request_is_rejected_by_closing_it():
    decision = decide(said("/remit reject"), policy(), having(State.IN_REVIEW, BUG))
    assert (decision.changes, [reply.kind for reply in told(decision)]) == ((), ["noted"])


def test_there_may_be_nothing_to_stop():
    decision = decide(said("/remit stop"), policy(), BUG)
    assert (decision.changes, told(decision)[0].reasons[0].code) == ((), "task.none_open")


def test_retry_runs_a_waiting_retry_now():
    decision = decide(said("/remit retry"), policy(), having(State.RETRYABLE))
    (change,) = decision.changes
    assert (type(change), change.set) == (RewordTask, {"run_after": NOW})


@pytest.mark.parametrize("state", [State.HELD, State.QUEUED, State.RUNNING, State.IN_REVIEW, State.DEFERRED])
def test_retry_of_a_task_that_needs_none_says_so(state):
    decision = decide(said("/remit retry"), policy(), having(state))
    assert (decision.changes, told(decision)[0].reasons[0].code) == ((), "task.open")


def test_retry_after_an_end_is_a_new_task_with_its_own_decision():
    ended = facts(issue("bug"), Ledger(last=task(State.FAILED, BUG)))
    decision = decide(said("/remit retry"), policy(), ended)
    assert [change.origin for change in decision.changes if isinstance(change, CreateTask)] == ["held"]


def test_retry_of_what_may_not_run_says_why():
    decision = decide(said("/remit retry"), policy(), facts(issue("bug", "security")))
    assert (decision.changes, [reply.kind for reply in told(decision)]) == ((), ["skipped"])


def test_why_shows_every_step_and_the_caps():
    full = replace(HELD, ledger=Ledger(pending_repository=5))
    (reply,) = told(decide(said("/remit why"), policy(), full))
    assert (reply.kind, reply.steps[0].check, reply.steps[-1].code) == ("why", "repository", "cap.pending_repository")


def test_why_is_answered_for_an_issue_that_was_refused():
    (reply,) = told(decide(said("/remit why"), policy(), facts(issue("bug", assignees=("admin",)))))
    assert (reply.kind, reply.steps[-1].code) == ("why", "issue.assigned")


@pytest.mark.parametrize(
    ("text", "kind"),
    [("/remit status", "status"), ("/remit help", "help"), ("/remit", "help"), ("/remit WHY", "why")],
)
def test_questions_are_answered_and_change_nothing(text, kind):
    decision = decide(said(text), policy(), HELD)
    assert (decision.verdict, decision.changes, [reply.kind for reply in told(decision)]) == (
        Verdict.ANSWER,
        (),
        [kind],
    )


def test_status_is_about_the_open_task_or_else_the_last_one():
    last = task(State.FAILED, BUG, id=69)
    assert told(decide(said("/remit status"), policy(), HELD))[0].task_id == 70
    assert told(decide(said("/remit status"), policy(), facts(ledger=Ledger(last=last))))[0].task_id == 69
    assert told(decide(said("/remit status"), policy(), BUG))[0].task_id is None


@pytest.mark.parametrize("text", ["/remit why", "/remit status", "/remit help"])
def test_authors_may_ask_about_their_own_issue_and_outsiders_about_nobody_elses(text):
    own = facts(issue("bug", author=OUTSIDER), sender=OUTSIDER)
    assert decide(said(text, by=OUTSIDER), policy(), own).verdict is Verdict.ANSWER
    assert told(decide(said(text, by=OUTSIDER), policy(), own))[0].kind in {"why", "status", "help"}
    other = facts(issue("bug"), sender=OUTSIDER)
    assert told(decide(said(text, by=OUTSIDER), policy(), other))[0].kind == "refused"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("/remit aprove", "`aprove` is not a command; did you mean `approve`?"),
        ("/remit sttatus", "`sttatus` is not a command; did you mean `status`?"),
        ("/remit zzz", "`zzz` is not a command."),
    ],
)
def test_a_misspelt_command_is_answered_with_the_nearest_one(text, sentence):
    decision = decide(said(text), policy(), HELD)
    assert (decision.changes, decision.actions[0].content) == ((), "confused")
    assert [(reply.kind, reply.reasons[0].sentence) for reply in told(decision)] == [("unknown", sentence)]


def test_an_outsiders_misspelling_gets_no_comment():
    decision = decide(said("/remit zzz", by=OUTSIDER), policy(), by(OUTSIDER))
    assert kinds(decision.actions) == [React]


def test_a_review_is_answered_without_a_reaction_because_there_is_no_such_call():
    decision = decide(said("/approve", comment_kind="review", on_pull=True), policy(), HELD)
    assert (moves(decision), kinds(decision.actions)) == ([Move.APPROVE], [Refresh])


def test_a_review_comment_is_reacted_to_where_it_stands():
    decision = decide(said("/approve", comment_kind="review_comment", on_pull=True), policy(), HELD)
    assert (decision.actions[0].on, decision.actions[0].comment_id) == ("review_comment", 301)


@pytest.mark.parametrize("text", ["hello", "please /approve", "> /approve", "we use remit", ""])
def test_talk_is_not_a_command(text):
    assert decide(said(text), policy(), HELD).actions == ()


def test_commands_can_be_reserved_for_maintainers():
    rules = policy(people=People(command=Permission.MAINTAIN))
    assert decide(said("/remit stop"), rules, HELD).changes == ()
    keeper = person("keeper", Permission.MAINTAIN)
    assert moves(decide(said("/remit stop", by=keeper), rules, by(keeper))) == [Move.CANCEL]


def test_in_mode_propose_an_approval_still_frees_a_task():
    rules = policy(mode=Mode.PROPOSE)
    known = having(State.HELD, facts(), rules)
    assert moves(decide(said("/approve"), rules, known)) == [Move.APPROVE]
