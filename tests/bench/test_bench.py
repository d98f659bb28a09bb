"""The benchmarks in short: that they run, and what comes out. The ratio wants a quiet machine and REMIT_BENCH=1."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from simulation import KINDS, measured, multiply, record
from speed import MOST, ratio

from github_app.store.session import Database


def test_a_thousand_recorded_decisions_are_made_again(tmp_path, capsys):
    db = Database(f"sqlite:///{tmp_path / 'remit.sqlite'}")
    db.upgrade()
    record(db, 5 * len(KINDS))
    multiply(db, 1_000)
    found, took, reading = measured(db)
    db.close()
    assert (found.total, found.skipped) == (1_000, 0)
    assert {pair for pair in found.counts if pair[0] != pair[1]} == {
        ("hold", "run"),
        ("run", "hold"),
        ("skip", "hold"),
        ("skip", "run"),
    }
    assert len(found.rows) == sum(count for pair, count in found.counts.items() if pair[0] != pair[1])
    with capsys.disabled():
        print(f"\n{found.total / took:,.0f} decisions a second made again, {took / reading:.1f} x reading them")  # noqa: T201


@pytest.mark.skipif("REMIT_BENCH" not in os.environ, reason="REMIT_BENCH is not set: it takes a minute")
@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_decision_takes_no_longer_with_a_long_past(engine):
    assert ratio(engine, 100_000, 10_000, 100) < MOST
