import json
from dataclasses import replace

import pytest
from crafted import ADA, place
from hypothesis import given
from hypothesis import strategies as st

from github_app.core.decision import Propose, React, Refresh, Reply
from github_app.core.events import (
    AccessLost,
    ApprovalExpired,
    AttemptFinished,
    CommentCreated,
    IssueChanged,
    StartRefused,
)
from github_app.core.names import Tier
from github_app.core.proof import AttemptReport
from github_app.errors import PayloadError
from github_app.store.codec import ACTIONS, INTERNAL, action_from, clean, event_body, event_from, plain, report_from

# What a database can store: NUL and surrogates are replaced on the way in.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
st.register_type_strategy(str, TEXT)
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


@given(st.one_of(*(st.from_type(kind) for kind in (React, Refresh, Propose, Reply))))
def test_every_action_comes_back_as_it_went(action):
    stored = json.loads(json.dumps(plain(action)))
    assert action_from(type(action).__name__, stored) == action


@given(st.from_type(AttemptReport))
def test_every_report_comes_back_as_it_went(report):
    assert report_from(json.loads(json.dumps(plain(report)))) == report


@given(
    st.one_of(
        *(
            st.from_type(kind)
            for kind in (AttemptFinished, StartRefused, ApprovalExpired, AccessLost, IssueChanged, CommentCreated)
        )
    )
)
def test_every_event_of_our_own_comes_back_as_it_went(event):
    name = next(name for name, kind in INTERNAL.items() if kind is type(event))
    assert event_from(name, event_body(event)) == event


@given(st.text(st.characters(codec=None)))
def test_cleaned_text_is_text_everywhere(text):
    cleaned = clean(text)
    assert "\0" not in cleaned
    assert clean(cleaned) == cleaned
    cleaned.encode()


def test_ordinary_text_is_not_touched():
    text = "Zażółć 😀 \ufffd\u202e\n"
    assert clean(text) is text


def test_a_pair_of_surrogates_is_the_character_it_stands_for():
    assert clean("\ud83d\ude00\ud83d") == "😀\ufffd"


def test_keys_of_a_newer_version_are_ignored():
    body = json.loads(event_body(ApprovalExpired(place=place(), task_id=4)))
    event = event_from("remit.approval_expired", json.dumps({**body, "later": 1}).encode())
    assert event == ApprovalExpired(place=place(), task_id=4)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("remit.room", b"\xff"),
        ("remit.room", b"[1]"),
        ("remit.room", b'{"number": "one"}'),
        ("remit.unheard_of", b"{}"),
        ("remit.room", b"[" * 100_000),
    ],
)
def test_what_cannot_be_read_is_a_payload_error(name, body):
    with pytest.raises(PayloadError):
        event_from(name, body)


def test_an_action_nobody_knows_is_a_payload_error():
    with pytest.raises(PayloadError):
        action_from("Teleport", {})


def test_tiers_and_people_survive():
    event = IssueChanged(place=place(), number=3, action="reconciled", sender=replace(ADA, human=False))
    assert event_from("remit.room", event_body(event)) == event
    assert set(ACTIONS) == {"React", "Refresh", "Propose", "Reply"}
    assert plain({"tier": Tier.PROPOSED}) == {"tier": 1}
