# ruff: noqa: T201 - it prints what it measured
"""How fast a decision is: alone, and from the delivery to the committed decision with a short and with a long past.

    python tests/bench/speed.py [--tasks 1000000] [--against 10000] [--rounds 300] [--engine sqlite|postgres]

Prints decisions per second and, for each database, the median of recording, taking and applying one delivery with the
real `decide`, the two pasts by turns so that a busy machine is busy for both. Ends with 1 when a ratio is 1.3 or more.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "core"))

from core_example import BUG_FACTS, changed, facts, policy
from past import decided, fill
from postgres import server

from github_app.core.decide import decide, explained
from github_app.store.session import Database

MOST = 1.3


def per_second(work: Callable[[], object], seconds: float = 1.0) -> float:
    """Return how often a second something can be done."""
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        work()
        done += 1
    return done / took


def timed(db: Database, number: int) -> float:
    """Return the milliseconds from a new delivery to its committed decision."""
    began = time.perf_counter()
    applied = decided(db, number, repository=1 + number % 20, installation=1 + number % 2)
    assert applied.task is not None
    return (time.perf_counter() - began) * 1000


def compare(short: Database, long: Database, rounds: int) -> tuple[float, float]:
    """Return the median milliseconds with a short and a long past, measured by turns."""
    for number in range(10, 30):
        timed(short, number)
        timed(long, number)
    found = [(timed(short, number), timed(long, number)) for number in range(100, 100 + rounds)]
    return median(one for one, _ in found), median(other for _, other in found)


@contextmanager
def databases(engine: str, folder: Path, names: tuple[str, str]) -> Generator[tuple[Database, Database]]:
    """Give two empty databases of an engine."""
    if engine == "sqlite":
        urls = [f"sqlite:///{folder / name}.sqlite" for name in names]
        yield from _opened(urls)
        return
    with server(folder) as running:
        yield from _opened([running.url(running.create()) for _ in names])


def _opened(urls: list[str]) -> Generator[tuple[Database, Database]]:
    one, other = (Database(url) for url in urls)
    try:
        for db in (one, other):
            db.upgrade()
        yield one, other
    finally:
        one.close()
        other.close()


def ratio(engine: str, tasks: int, against: int, rounds: int) -> float:
    """Print and return how much longer a decision takes with the long past."""
    with tempfile.TemporaryDirectory() as folder, databases(engine, Path(folder), ("short", "long")) as (short, long):
        began = time.perf_counter()
        fill(short, against)
        fill(long, tasks)
        filled = time.perf_counter() - began
        less, more = compare(short, long, rounds)
    print(
        f"{engine:9} {against:>9,} tasks: {less:6.2f} ms   {tasks:>9,} tasks: {more:6.2f} ms   "
        f"ratio {more / less:.2f}   ({rounds} deliveries each; filled in {filled:.0f} s)"
    )
    return more / less


def main() -> int:
    """Run all of it."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--tasks", type=int, default=1_000_000)
    asked.add_argument("--against", type=int, default=10_000)
    asked.add_argument("--rounds", type=int, default=300)
    asked.add_argument("--engine", choices=("sqlite", "postgres"), action="append")
    given = asked.parse_args()
    rules, event = policy(), changed("reconciled")
    for name, known in (("runs", facts()), ("is held", BUG_FACTS)):
        found = per_second(partial(decide, event, rules, known))
        print(f"decide, pure, an issue that {name:8}: {found:8,.0f} a second")
    held = decide(event, rules, BUG_FACTS)
    found = per_second(partial(explained, held, rules, BUG_FACTS))
    print(f"and what would change it             : {found:8,.0f} a second")
    engines = given.engine or ["sqlite", "postgres"]
    ratios = [ratio(engine, given.tasks, given.against, given.rounds) for engine in engines]
    return int(max(ratios) >= MOST)


if __name__ == "__main__":
    sys.exit(main())
