"""Every start is explained by the chain alone, whatever happened; and a pause keeps what waits waiting, and says so."""

import json

from github_app.core import audit
from github_app.core.names import State
from github_app.core.pause import Scope
from github_app.store import view
from github_app.store.audit import export
from github_app.store.pauses import pause, resume


def trail(world, number):
    """The export of an issue's newest task, as it comes out of a file."""
    return json.loads(json.dumps(export(world.db, world.task(number).id)))


def stop_here(world, **more):
    task = world.tasks()[-1]
    said = {"reason": "the build is red", "by": "root"} | more
    pause(world.db, Scope.REPOSITORY, task.repository_id, task.repository, **said)
    return task


def test_a_run_at_once_stands_on_a_label_and_the_proof_is_in_the_chain(world):
    number = world.open(labels=("documentation", "remit"))
    world.run()
    document, task = trail(world, number), world.task(number)
    assert None is audit.find_fault(document)
    (start,) = audit.starts(document["lines"])
    assert (start.by, [who.login for who in start.people]) == ("label", ["maintainer"])
    assert (task.digest, task.policy_version, task.base) == (start.text_digest, start.policy_version, start.base)
    assert task.policy_version in document["policies"]
    run = next(line["data"]["run"] for line in document["lines"] if line["move"] == "submit")
    assert (task.head, True) == (run["head"], run["passed"])
    assert {"scope", "protected paths", "secrets"} <= {check["name"] for check in run["checks"]}


def test_a_text_that_is_edited_after_its_approval_needs_a_new_one_and_the_chain_tells_both(world):
    number = world.open("The total of no prices is wrong", labels=("bug", "remit"))
    world.run()
    world.comment(number, "/approve", by="reviewer")
    world.decide()
    world.edit_issue(number, body="Something else entirely, which is long enough to be worked on.", by="maintainer")
    world.run()
    assert world.task(number).state == State.HELD
    world.comment(number, "/approve", by="maintainer")
    world.run()
    document = trail(world, number)
    assert None is audit.find_fault(document)
    (start,) = audit.starts(document["lines"])
    assert [who.login for who in start.people] == ["maintainer"]
    given = [line["data"]["digest"] for line in document["lines"] if line["move"] == "approval"]
    assert (2, given[1]) == (len(set(given)), start.text_digest)


def test_a_start_that_was_refused_is_in_the_chain_too(world):
    number = world.open("The total of no prices is wrong", labels=("bug", "remit"))
    world.run()
    world.comment(number, "/approve", by="reviewer")
    world.decide()
    world.set_permission("reviewer", "read")
    world.run()
    document = trail(world, number)
    assert (audit.find_fault(document), document["lines"][-2]["move"]) == (None, "hold")
    assert len(audit.starts(document["lines"])) == 1


def test_in_a_pause_tasks_queue_up_and_say_why_and_run_when_it_ends(world):
    world.open("Another page", labels=("documentation", "remit"))
    world.run()
    stop_here(world)
    number = world.open("A page about refunds", labels=("documentation", "remit"))
    world.run()
    assert world.task(number).state == State.QUEUED
    assert "paused.repository" in world.codes(number)
    assert "root paused it (the build is red)" in world.said(number)[-1]
    for verb in ("why", "status"):
        world.comment(number, f"/remit {verb}", by="reviewer")
        world.run()
        assert "paused.repository" in world.said(number)[-1]
    page = world.client.get(f"{world.url}/tasks/{world.task(number).id}").text
    assert "root paused it" in page

    resume(world.db, Scope.REPOSITORY, world.task(number).repository_id, by="root")
    world.run()
    assert world.task(number).state == State.IN_REVIEW
    assert "paused" not in world.said(number)[0]


def test_a_pause_with_an_end_lifts_by_itself_and_approvals_go_on_in_it(world):
    number = world.open("The total of no prices is wrong", labels=("bug", "remit"))
    world.run()
    stop_here(world, until=world.clock.instant() + 3_600_000)
    world.comment(number, "/approve", by="reviewer")
    world.run()
    assert world.task(number).state == State.QUEUED
    world.much_later(3600)
    assert world.task(number).state == State.IN_REVIEW


def test_what_runs_when_a_pause_begins_runs_to_its_end(world):
    world.program(
        """
import time
if purpose == "review":
    review([])
print("at work", flush=True)
while not Path("go").exists():
    time.sleep(0.02)
Path("go").unlink()
Path("docs/twice.md").write_text("Paid twice, sent once.\\n")
"""
    )
    number = world.open(labels=("documentation", "remit"))
    with world.under_way():
        stop_here(world)
        world.touch("go")
    world.run()
    assert world.task(number).state == State.IN_REVIEW
    assert "submit" in [line.move for line in view.history(world.db, world.task(number).id)]
