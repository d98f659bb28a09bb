"""The chain as it is written, exported and upgraded, on both databases."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from crafted import ADA, POLICY, WHY, WORKER, add_task, changed, deciding, delivered, facts, finished, place, step
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from github_app.core import audit
from github_app.core.decide import decide
from github_app.core.decision import MoveTask, Reason, RecordApproval
from github_app.core.digest import digest
from github_app.core.events import AccessLost, CommentCreated, CommentWithdrawn
from github_app.core.names import Mode, State
from github_app.core.proof import Check, Proof, Verdict
from github_app.core.task import Move, Origin
from github_app.store import view
from github_app.store.apply import apply
from github_app.store.audit import export
from github_app.store.backlog import take
from github_app.store.lease import claim, finish
from github_app.store.schema import upgrade
from github_app.store.session import Database
from github_app.store.tasks import Cause, approve, withdraw

ROOT = Path(__file__).parents[2]
SUBJECT = '{"title":"x"}'
HELD = {"origin": Origin.HELD, "subject": SUBJECT, "digest": digest(SUBJECT)}
PROOF = Proof(checks=(Check(name="tests", verdict=Verdict.PASSED),))


def given(task, by="bob", user=8, comment=5):
    return RecordApproval(task_id=task.id, comment_id=comment, user_id=user, login=by, digest=task.digest, at=9)


def cause(db, actor="bob"):
    return Cause(actor=actor, actor_id=8, at=db.now())


def exported(db, task):
    """Return an export as it comes out of a file."""
    return json.loads(json.dumps(export(db, task.id)))


def fault(db, task, **more):
    return audit.find_fault(exported(db, task), **more)


def said(db, guid, event, answer=decide, policy=POLICY):
    with db.write() as session:  # what was proposed is posted
        session.execute(text("UPDATE outbox SET state = 'done' WHERE kind = 'Propose'"))
    known = replace(facts(1, now=db.now()), comment_at=db.now() + 2000)
    return apply(db, delivered(db, guid), event, policy, known, answer, sources={"default.yml": "version: 1\n"})


def comment(number=5):
    return CommentCreated(
        place=place(), number=1, on_pull=False, comment_kind="issue_comment", comment_id=number, author=ADA, sender=ADA,
        paragraphs=("/approve",), alone=True,
    )  # fmt: skip


def test_every_line_is_chained_to_the_one_before_and_approvals_are_lines(db):
    task = add_task(db, **HELD)
    with db.write() as session:
        approve(session, given(task), cause(db))
        approve(session, given(task), cause(db))
        approve(session, given(task, "cleo", 9, 6), cause(db))
        withdraw(session, task.id, 6, WHY, cause(db))
        withdraw(session, task.id, 6, WHY, cause(db))
    step(db, task, Move.APPROVE, Move.CANCEL)
    lines = view.history(db, task.id)
    assert [line.move for line in lines] == ["create", "approval", "approval", "withdrawal", "approve", "cancel"]
    assert [line.seq for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line.version for line in lines] == [1, 1, 1, 1, 2, 3]
    assert {"comment_id": 6, "user_id": 9, "login": "cleo", "digest": task.digest, "subject": SUBJECT} == lines[3].data
    assert len({line.digest for line in lines}) == 6
    assert None is fault(db, task)


def test_a_real_life_is_whole_and_says_who_what_under_which_policy_from_which_base_and_what_was_proved(db):
    policy = replace(POLICY, mode=Mode.PROPOSE)
    task = said(db, "label", changed(), policy=policy).task
    said(db, "approve", comment(), policy=policy)
    claimed = claim(db, WORKER)
    event = finished(claimed.task, base="a" * 40, head="b" * 40, proof=PROOF, pull_number=3, seconds=0.25, cost_usd=0.5)
    finish(db, event)
    delivery = take(db)[0].deliveries[0]
    apply(db, delivery, event, policy, facts(1, now=db.now()), decide)
    document = exported(db, task)
    assert None is audit.find_fault(document)
    assert [line["move"] for line in document["lines"]] == ["create", "approval", "approve", "claim", "submit"]
    (start,) = audit.starts(document["lines"])
    assert (start.by, [(who.login, who.id, who.comment_id) for who in start.people]) == ("approval", [("ada", 7, 5)])
    assert (task.digest, policy.version, "a" * 40) == (start.text_digest, start.policy_version, start.base)
    run = document["lines"][-1]["data"]["run"]
    assert (
        run["head"], run["passed"], run["checks"],
    ) == ("b" * 40, True, [{"name": "tests", "verdict": "passed", "blocks": True}])  # fmt: skip
    assert [line["actor_id"] for line in document["lines"]] == [7, 7, 7, None, None]
    assert {"sources": {"default.yml": "version: 1\n"}, "first_seen_at": db.now()} == document["policies"]["policy-1"]


def test_withdrawing_by_edit_is_in_the_chain(db):
    policy = replace(POLICY, mode=Mode.PROPOSE)
    task = said(db, "label", changed(), policy=policy).task
    said(db, "approve", comment(), policy=policy)
    gone = CommentWithdrawn(place=place(), number=1, on_pull=False, comment_id=5, action="edited", sender=ADA)
    said(db, "gone", gone, policy=policy)
    assert None is fault(db, task)
    assert [line.move for line in view.history(db, task.id)][1:] == ["approval", "approve", "withdrawal", "hold"]


def test_a_decision_about_several_tasks_is_in_the_export_of_each(db):
    one, two = add_task(db, 1, **HELD), add_task(db, 2, **HELD)
    reason = Reason(code="access.lost", sentence="Gone.")
    moves = [MoveTask(task_id=t.id, version=1, move=Move.CANCEL, reason=reason) for t in (one, two)]
    event = AccessLost(installation_id=1, repository_ids=None, why="Gone.")
    said(db, "g", event, deciding(*moves))
    assert [fault(db, one), fault(db, two)] == [None, None]
    assert len(exported(db, two)["decisions"]) == 1


def test_lines_of_many_writers_at_once_are_one_chain(real_db):
    task = add_task(real_db, **HELD)

    def approves(number):
        def work(session):
            approve(session, given(task, f"u{number}", number, number), Cause(actor=f"u{number}", at=number))

        real_db.transaction(work)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(approves, range(1, 25)))
    assert list(range(1, 26)) == [line.seq for line in view.history(real_db, task.id)]
    assert None is fault(real_db, task)


TOUCHES = {
    "UPDATE history SET actor = 'eve' WHERE seq = 2": 2,
    "UPDATE history SET data = '{}' WHERE seq = 2": 2,
    "DELETE FROM history WHERE seq = 2": 2,
    "DELETE FROM history WHERE seq = 3": 2,
    "UPDATE approval SET login = 'eve', user_id = 66": 2,
    "DELETE FROM approval": 2,
    "UPDATE task SET digest = 'eeeeeeeeeeee'": 3,
}


@pytest.mark.parametrize("touch", TOUCHES)
def test_whoever_writes_into_the_database_past_us_is_found_at_the_line(empty_url, touch):
    db = Database(empty_url)
    db.upgrade()
    task = add_task(db, **HELD)
    with db.write() as session:
        approve(session, given(task), cause(db))
    step(db, task, Move.APPROVE)
    with db.connect() as connection:
        if db.sqlite:
            connection.execute(text("DROP TRIGGER history_no_update"))
            connection.execute(text("DROP TRIGGER history_no_delete"))
        else:
            connection.execute(text("ALTER TABLE history DISABLE TRIGGER ALL"))
        connection.execute(text(touch))
    found = fault(db, task)
    db.close()
    assert TOUCHES[touch] == found.line


def test_a_task_nobody_has_is_exported_as_nothing(db):
    assert None is export(db, 99)


# the upgrade from schema 0001

OLD_TASK = {
    "version": 4, "state": "retryable", "installation_id": 1, "repository_id": 1, "repository": "acme/r1",
    "issue_number": 1, "title": "t", "title_key": "t", "category": "docs", "tier": "proposed",
    "digest": digest(SUBJECT), "subject": SUBJECT, "policy_version": "p1", "base": "a" * 40, "requester_id": 7,
    "requester": "ada", "reason_code": "r", "reason": "R.", "created_at": 1, "updated_at": 40, "run_after": 40,
    "running_cap": 1, "running_cap_installation": 1, "pending_cap": 5, "pending_cap_installation": 20, "retries": 2,
    "limits_from": "p1",
}  # fmt: skip
OLD_LINES = (
    (1, None, "held", "create", "{}"),
    (2, "held", "queued", "approve", '{"expires_at": null, "run_after": 20}'),
    (3, "queued", "running", "claim", '{"attempts": 1}'),
    (4, "running", "retryable", "retry", '{"run_after": 40, "last_failure": "x"}'),
)


def fill(db, tasks):
    """Write what schema 0001 had of some tasks: a life each, one approval that stands and one that was withdrawn."""
    with db.connect() as connection:
        for number in range(1, tasks + 1):
            row = {**OLD_TASK, "id": number, "issue_number": number}
            names = ", ".join(row)
            marks = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO task ({names}) VALUES ({marks})"), row)  # noqa: S608
            for seq, before, after, move, data in OLD_LINES:
                line = {"task": number, "seq": seq, "before": before, "after": after, "move": move, "data": data}
                connection.execute(
                    text(
                        "INSERT INTO history (task_id, seq, at, from_state, to_state, move, actor, policy_version, "
                        "code, sentence, data) VALUES (:task, :seq, :seq * 10, :before, :after, :move, 'ada', 'p1', "
                        "'c', 'S.', :data)"
                    ),
                    line,
                )
            for comment_id, withdrawn in ((5, None), (6, 15)):
                connection.execute(
                    text(
                        "INSERT INTO approval (task_id, comment_id, user_id, login, digest, subject, at, withdrawn_at) "
                        "VALUES (:task, :comment, 8, 'bob', :digest, :subject, 12, :withdrawn)"
                    ),
                    {"task": number, "comment": comment_id, "digest": digest(SUBJECT), "subject": SUBJECT,
                     "withdrawn": withdrawn},
                )  # fmt: skip


@pytest.fixture
def old(empty_url):
    """A database of schema 0001 with three tasks in it."""
    db = Database(empty_url)
    upgrade(db, "0001")
    fill(db, 3)
    yield db
    db.close()


def test_the_upgrade_lays_the_chain_over_what_is_there_and_keeps_it_append_only(old):
    old.upgrade()
    old.check()
    task = view.get(old, 2)
    document = exported(old, task)
    assert None is audit.find_fault(document)
    assert [line["version"] for line in document["lines"]] == [1, 2, 3, 4, 4]
    assert {task.digest} == {line["text_digest"] for line in document["lines"]}
    (start,) = audit.starts(document["lines"])
    assert (start.line, start.by, [(who.id, who.comment_id) for who in start.people]) == (3, "approval", [(8, 5)])
    for statement in ("UPDATE history SET sentence = 'x'", "DELETE FROM history"):
        with pytest.raises(DBAPIError, match="history is append-only"), old.write() as session:
            session.execute(text(statement))
    again = claim(old, WORKER)
    assert (again.task.state, fault(old, again.task)) == (State.RUNNING, None)
    assert len(audit.starts(exported(old, again.task)["lines"])) == 2


def test_a_text_that_changed_under_the_old_schema_stays_unknown_where_nothing_told_it(old):
    with old.connect() as connection:
        line = "INSERT INTO history (task_id, seq, at, from_state, to_state, move, actor, policy_version, code, "
        line += "sentence, data) VALUES (1, 5, 50, 'retryable', 'retryable', 'reword', 'ada', 'p1', 'c', 'S.', :data)"
        data = json.dumps({"digest": digest(SUBJECT)})
        connection.execute(text(line), {"data": data})
        connection.execute(text("UPDATE task SET version = 5 WHERE id = 1"))
    old.upgrade()
    document = exported(old, view.get(old, 1))
    assert None is audit.find_fault(document)
    assert [None] * 4 + [digest(SUBJECT)] * 2 == [line["text_digest"] for line in document["lines"]]


def test_an_upgrade_that_is_cut_off_half_way_never_happened(old, monkeypatch):
    before = _everything(old)
    monkeypatch.setattr("alembic.operations.Operations.create_table", _power_cut)
    with pytest.raises(KeyboardInterrupt):
        old.upgrade()
    monkeypatch.undo()
    assert before == _everything(old)
    with pytest.raises(DBAPIError, match="history is append-only"), old.write() as session:
        session.execute(text("DELETE FROM history"))
    old.upgrade()
    old.check()


def test_a_process_that_is_killed_in_the_middle_of_the_upgrade_leaves_everything_as_it_was(old, empty_url):
    before = _everything(old)
    program = (
        "import os, signal\n"
        "from alembic.operations import Operations\n"
        "from github_app.store.session import Database\n"
        "Operations.create_table = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"Database({empty_url!r}).upgrade()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert before == _everything(old)
    old.upgrade()
    old.check()


def _everything(db):
    """Return the columns of the history and all its rows."""
    with db.connect() as connection:
        columns = sorted(column["name"] for column in inspect(connection).get_columns("history"))
        rows = connection.execute(text("SELECT * FROM history ORDER BY task_id, seq")).all()
        return columns, [tuple(row) for row in rows], sorted(inspect(connection).get_table_names())


def _power_cut(*_args, **_kwargs):
    raise KeyboardInterrupt
