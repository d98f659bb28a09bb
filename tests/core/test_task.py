"""The state table, move by move."""

import pytest

from github_app.core.names import State
from github_app.core.task import ENDED, MOVES, OPEN, PENDING, STARTABLE, Move, Origin, diagram, next_state
from github_app.errors import IllegalMoveError


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", Move)
def test_every_move_from_every_state_leads_where_the_table_says_or_is_illegal(state, move):
    before = {known: dict(moves) for known, moves in MOVES.items()}
    if move in MOVES[state]:
        assert next_state(state, move) is MOVES[state][move]
    else:
        with pytest.raises(IllegalMoveError) as refused:
            next_state(state, move)
        assert refused.value.sentence == f"a task that is {state} cannot {move}"
    assert before == MOVES


def test_the_table_knows_every_state_and_uses_every_move():
    assert set(MOVES) == set(State)
    assert {move for moves in MOVES.values() for move in moves} == set(Move)


def test_the_ended_states_are_the_five_endings_and_have_no_way_out():
    ended = {State.COMPLETED, State.CANCELLED, State.REJECTED, State.EXPIRED, State.FAILED}
    assert ended == ENDED
    assert not any(MOVES[state] for state in ended)


def test_every_state_can_be_reached_from_a_birth_and_every_open_state_can_end():
    reached = {State(origin.value) for origin in Origin}
    for _ in State:
        reached |= {target for state in reached for target in MOVES[state].values()}
    assert reached == set(State)
    ending = set(ENDED)
    for _ in State:
        ending |= {state for state, moves in MOVES.items() if ending & set(moves.values())}
    assert ending == set(State)


def test_open_pending_and_startable_fit_the_table():
    assert set(State) - ENDED == OPEN
    assert PENDING < OPEN
    assert {State.DEFERRED, State.IN_REVIEW} == OPEN - PENDING
    assert {State.QUEUED, State.RETRYABLE} == STARTABLE
    assert STARTABLE < PENDING


@pytest.mark.parametrize("state", sorted(OPEN))
def test_every_open_task_can_be_cancelled_and_rejected(state):
    assert MOVES[state][Move.CANCEL] is State.CANCELLED
    assert MOVES[state][Move.REJECT] is State.REJECTED


def test_only_a_claim_starts_a_run_and_only_an_approval_frees_a_held_task():
    assert {(s, m) for s, ms in MOVES.items() for m, t in ms.items() if t is State.RUNNING} == {
        (State.QUEUED, Move.CLAIM),
        (State.RETRYABLE, Move.CLAIM),
    }
    assert [m for m, t in MOVES[State.HELD].items() if t not in ENDED] == [Move.APPROVE]


def test_the_diagram_holds_every_arrow_once():
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    arrows = [f"    {state} --> {to}: {move}" for state, moves in MOVES.items() for move, to in moves.items()]
    births = [f"    [*] --> {origin.value}" for origin in Origin]
    ends = [f"    {state} --> [*]" for state in State if state in ENDED]
    assert sorted(lines[1:]) == sorted(arrows + births + ends)
    assert len(set(lines)) == len(lines)
