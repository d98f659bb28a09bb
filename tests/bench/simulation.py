# ruff: noqa: T201 - it prints what it measured
"""How fast recorded decisions are made again under a changed policy, against only reading them.

    python tests/bench/simulation.py [--recorded 10000] [--applied 1000]

Fills an SQLite database with decisions made by the real `apply`, copies their rows until there are enough, replays all
of them, and prints the table and the rate.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "store"))

from crafted import changed, delivered, facts, person
from past import POLICY
from sqlalchemy import text

from github_app.cli.tables import print_replayed
from github_app.core.decide import decide
from github_app.core.facts import Label
from github_app.core.names import Instant, Mode, Permission, Tier
from github_app.core.policy import Policy, Rule
from github_app.core.replay import Replayed, replay
from github_app.policy.read import default_policy
from github_app.store.apply import apply
from github_app.store.recorded import recordings
from github_app.store.session import Database

READER = replace(person(8, "visitor"), permission=Permission.READ)
KINDS = (("documentation",), ("bug",), ("tests",), ("enhancement",), ("security",), ("documentation", "bug"), ("p1",))


def before() -> Policy:
    """Return the policy that the decisions are made under."""
    return replace(default_policy(), mode=Mode.ACTIVE, caps=POLICY.caps)


def changed_policy() -> Policy:
    """Return the policy they are made again under: bugs run, tests are held, and `p1` is a bug that runs."""
    old = before()
    more = Rule(labels=("p1",), category=old.rules[0].category, tier=Tier.AUTO_SAFE, origin="new.yml:4@new")
    tiers = {"bug": Tier.AUTO_SAFE, "test": Tier.PROPOSED}
    rules = tuple(replace(rule, tier=tiers.get(rule.labels[0], rule.tier)) for rule in old.rules)
    return replace(old, version="new", rules=(*rules, more))


def record(db: Database, count: int) -> None:
    """Make so many decisions about as many issues, as a worker does."""
    rules, kinds, people = before(), cycle(KINDS), cycle([person()] * 4 + [READER])
    for number in range(1, count + 1):
        who, names = next(people), next(kinds)
        known = facts(number, now=db.now(), title=f"Recorded {number}")
        labels = tuple(Label(name=name, by=person()) for name in ("remit", *names))
        issue = replace(known.issue, labels=labels, author=who)
        delivery = delivered(db, f"r-{number}", number)
        apply(db, delivery, changed(number), rules, replace(known, issue=issue), decide, sources={})


def multiply(db: Database, count: int) -> None:
    """Copy the decisions that are there, in order, until there are so many."""
    with db.connect() as connection:
        there = connection.execute(text("SELECT count(*) FROM decision")).scalar_one()
        columns = list(connection.execute(text("SELECT * FROM decision LIMIT 0")).keys())
        kept = ", ".join(column for column in columns if column != "id")
        while there < count:
            more = min(there, count - there)
            copy = f"INSERT INTO decision ({kept}) SELECT {kept} FROM decision ORDER BY id LIMIT {more}"  # noqa: S608
            connection.execute(text(copy))
            there += more


def measured(db: Database) -> tuple[Replayed, float, float]:
    """Return what the replay came to, and the seconds it and the reading alone took."""
    since, rules = Instant(0), changed_policy()
    began = time.perf_counter()
    read = sum(1 for _ in recordings(db, since=since))
    reading = time.perf_counter() - began
    began = time.perf_counter()
    found = replay(decide, lambda _: rules, recordings(db, since=since))
    took = time.perf_counter() - began
    assert found.total + found.skipped == read
    return found, took, reading


def main() -> int:
    """Run all of it."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--recorded", type=int, default=10_000)
    asked.add_argument("--applied", type=int, default=1_000)
    given = asked.parse_args()
    applied, count = min(given.applied, given.recorded), given.recorded
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{Path(folder) / 'remit.sqlite'}")
        db.upgrade()
        began = time.perf_counter()
        record(db, applied)
        print(f"{applied:,} deliveries recorded and decided in {time.perf_counter() - began:.1f} s")
        multiply(db, count)
        found, took, reading = measured(db)
        db.close()
    print_replayed(found, 7)
    print(
        f"{found.total:,} decisions made again in {took:.2f} s, {found.total / took:,.0f} a second; "
        f"reading them alone takes {reading:.2f} s (ratio {took / reading:.2f})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
