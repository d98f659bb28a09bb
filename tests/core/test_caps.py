"""Each cap with its own counter, code and sentence."""

import pytest
from core_example import policy

from github_app.core.caps import over_cap
from github_app.core.facts import Ledger
from github_app.core.policy import Caps

CAPS = [
    ("pending_per_repository", "pending_repository", "cap.pending_repository"),
    ("pending_per_installation", "pending_installation", "cap.pending_installation"),
    ("new_per_requester_per_hour", "requester_last_hour", "cap.requester"),
    ("open_pull_requests_per_repository", "open_pulls", "cap.open_pulls"),
    ("created_per_day", "created_today", "cap.daily"),
]


@pytest.mark.parametrize(("key", "counter", "code"), CAPS)
def test_each_cap_is_reached_by_its_own_counter_alone(key, counter, code):
    rules = policy(caps=Caps(**{key: 4}), origins={f"caps.{key}": "policies/strict.yml:9@abc"})
    reason = over_cap(rules, Ledger(**{counter: 4}))
    assert (reason.code, reason.origin) == (code, "policies/strict.yml:9@abc")
    assert reason.sentence.startswith("4 ")
    assert reason.sentence.endswith("the cap is 4.")


@pytest.mark.parametrize(("key", "counter", "code"), CAPS)
def test_one_less_than_a_cap_is_room(key, counter, code):
    assert over_cap(policy(caps=Caps(**{key: 3})), Ledger(**{counter: 2})) is None


@pytest.mark.parametrize(("key", "counter", "code"), CAPS[2:])
def test_a_cap_can_be_switched_off(key, counter, code):
    assert over_cap(policy(caps=Caps(**{key: None})), Ledger(**{counter: 10_000})) is None


def test_a_cap_of_nothing_leaves_no_room():
    assert over_cap(policy(caps=Caps(pending_per_repository=0)), Ledger()).code == "cap.pending_repository"


def test_the_daily_cap_is_off_unless_asked_for():
    assert over_cap(policy(), Ledger(created_today=10_000)) is None


def test_who_waits_in_front_is_counted_and_said():
    reason = over_cap(policy(), Ledger(pending_repository=3, deferred_before=2))
    assert reason.sentence == "5 tasks are pending in this repository, 2 of them waiting in front; the cap is 5."
    assert over_cap(policy(), Ledger(pending_repository=2, deferred_before=2)) is None


def test_the_first_cap_in_order_is_the_reason():
    full = Ledger(pending_repository=99, pending_installation=99, requester_last_hour=99, open_pulls=99)
    assert over_cap(policy(), full).code == "cap.pending_repository"
