import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from crafted import WHY, add_task, place
from sqlalchemy import text

from github_app.core.decision import Propose, React, Refresh, Reply
from github_app.core.names import Instant, Tier
from github_app.store import view
from github_app.store.outbox import (
    MAX_TRIES,
    SETTLING,
    TAKEN_FOR,
    done,
    drop,
    due,
    failed,
    give_back,
    key_of,
    postpone,
    put,
    quarantine,
)


def react(number):
    return React(on="issue", number=number, comment_id=None, content="eyes")


def lay(db, action, *, key, number=1, repository=1, installation=1, task_id=None):
    with db.write() as session:
        where = place(repository, installation)
        return put(session, action, key=key, place=where, number=number, task_id=task_id, now=db.now(session))


def keys(db):
    return [effect.key for effect in due(db)]


def test_effects_come_in_order_one_at_a_time_for_each_installation(db):
    for key, installation in (("a", 1), ("b", 1), ("c", 2)):
        assert lay(db, react(1), key=key, installation=installation)
    first = due(db)
    assert ([(e.key, e.tries) for e in first], due(db)) == ([("a", 1), ("c", 1)], [])
    done(db, first[0].id, {"id": 5})
    assert keys(db) == ["b"]


def test_a_key_is_performed_once(db):
    assert [lay(db, react(1), key="same"), lay(db, react(2), key="same")] == [True, False]
    done(db, due(db)[0].id)
    assert False is lay(db, react(1), key="same")
    assert due(db) == []


def test_an_action_comes_back_as_it_was(db):
    actions = [
        react(3),
        Reply(number=3, kind="why", to="ada", reasons=(WHY,), once="x\0y"),
        Propose(
            task_id=1, number=3, digest="d", title="t", body="b", removed=("r",), changed=(), category="docs",
            tier=Tier.PROPOSED, reasons=(WHY,), expires_at=9, approvals_needed=1, may_approve="all", minutes=1.5,
        ),
    ]  # fmt: skip
    for index, action in enumerate(actions):
        lay(db, action, key=str(index), installation=index)
    expected = [actions[0], Reply(number=3, kind="why", to="ada", reasons=(WHY,), once="x\ufffdy"), actions[2]]
    assert expected == [effect.action for effect in due(db)]


def test_one_refresh_of_a_task_waits_however_often_it_is_asked_for(db, clock):
    task = add_task(db)
    refresh = Refresh(task_id=task.id)
    assert [lay(db, refresh, key=key, task_id=task.id) for key in "ab"] == [True, False]
    assert due(db) == [], "it settles first, so that what changes within a moment is told of once"
    clock.advance(SETTLING)
    (under_way,) = due(db)
    assert True is lay(db, refresh, key="c", task_id=task.id), "the one under way may have read the older state"
    assert False is failed(db, under_way.id, "timeout", db.now() + 10)
    clock.advance(SETTLING)
    assert keys(db) == ["c"], "the newer one says everything the failed one would"


def test_a_failed_effect_holds_up_its_own_issue_only(db, clock):
    lay(db, react(1), key="poison", number=1)
    lay(db, react(1), key="behind", number=1)
    lay(db, react(2), key="beside", number=2)
    (poison,) = due(db)
    failed(db, poison.id, "500", clock() + 1000)
    (beside,) = due(db)
    assert beside.key == "beside"
    done(db, beside.id)
    assert due(db) == []
    clock.advance(1000)
    assert keys(db) == ["poison"]


def test_an_effect_is_put_aside_after_its_tries_and_the_others_go_on(db, clock):
    lay(db, react(1), key="poison")
    lay(db, react(1), key="behind")
    for _ in range(MAX_TRIES - 1):
        assert False is failed(db, due(db)[0].id, "422", clock())
    assert True is failed(db, due(db)[0].id, "422", clock())
    assert keys(db) == ["behind"]
    assert [(e.key, e.last_error, e.tries) for e in view.quarantined_effects(db)] == [("poison", "422", MAX_TRIES)]


def test_an_outage_is_not_held_against_an_effect_but_its_tries_are_known(db, clock):
    lay(db, react(1), key="a")
    for number in range(1, MAX_TRIES * 3):
        (effect,) = due(db)
        assert effect.tries == number
        assert failed(db, effect.id, "timeout", clock(), blame=False) is False


def test_an_effect_that_kills_its_process_runs_out_of_tries_too(db, clock):
    lay(db, react(1), key="killer")
    for number in range(1, MAX_TRIES + 1):
        assert [("killer", number)] == [(e.key, e.tries) for e in due(db)]
        clock.advance(TAKEN_FOR)
    assert [due(db), due(db)] == [[], []]
    assert len(view.quarantined_effects(db)) == 1


def test_an_installation_waits_for_its_rate_limit_and_loses_no_try(db, clock):
    lay(db, react(1), key="a")
    lay(db, react(1), key="b", installation=2)
    one, two = due(db)
    give_back(db, one.id, clock())
    done(db, two.id)
    postpone(db, 1, clock() + 50)
    assert due(db) == []
    clock.advance(50)
    assert [(e.key, e.tries) for e in due(db)] == [("a", 1)]


def test_an_effect_this_version_cannot_read_is_put_aside(db):
    lay(db, react(1), key="strange")
    with db.write() as session:
        session.execute(text("UPDATE outbox SET kind = 'Teleport'"))
    assert due(db) == []
    assert [effect.key for effect in view.quarantined_effects(db)] == ["strange"]


def test_refused_effects_can_be_put_aside_at_once(db):
    lay(db, react(1), key="a")
    quarantine(db, due(db)[0].id, "403")
    assert due(db) == []


def test_many_performers_take_nothing_twice(real_db):
    for number in range(24):
        lay(real_db, react(number), key=str(number), number=number, installation=number % 6)

    performed, enough = [], time.monotonic() + 20

    def perform(_):
        while len(performed) < 24 and time.monotonic() < enough:
            for effect in due(real_db, limit=3):
                performed.append(effect.key)
                done(real_db, effect.id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(perform, range(4)))
    assert sorted(map(str, range(24))) == sorted(performed)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Reply(number=1, kind="why", to="ada", once="why:1"), "once:why:1"),
        (Reply(number=1, kind="why", to="ada"), "12:3"),
        (react(1), "12:3"),
    ],
)
def test_a_key_is_the_actions_own_word_or_its_place(action, expected):
    assert expected == key_of(action, "12", 3, None)


def test_where_access_was_lost_nothing_waits_to_be_written_any_more(db):
    for number, key in ((1, "ours"), (2, "ours too")):
        lay(db, react(number), key=key, number=number)
    (first,) = due(db)
    place = first.place
    with db.write() as session:
        drop(session, place.installation_id, (place.repository_id + 1,), "another one is gone", db.now())
    assert failed(db, first.id, "500", db.now()) is False
    assert keys(db) == ["ours"]
    with db.write() as session:
        drop(session, place.installation_id, (place.repository_id,), "repository archived", db.now())
    assert due(db, Instant(db.now() + 1_000_000)) == []
