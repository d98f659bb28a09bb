"""`remit demo` as people see it: what happens while it happens, then a table, then the page until Ctrl-C."""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from github_app import __version__
from github_app.demo.show import Show, demo, label_to_start, leftovers, results
from github_app.log import configure_log

LINES = 6
NOT_A_TERMINAL = 130


def show_demo(folder: Path, *, headless: bool, as_json: bool, port: int, seconds: float) -> int:
    """Run the demo; returns the exit code."""
    configure_log("warning", tuple, as_json=True)
    quiet = logging.CRITICAL if as_json else logging.ERROR
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(quiet))
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=NOT_A_TERMINAL)
    said: list[str] = []
    began = time.monotonic()
    with demo(folder, port=port, seconds=seconds, say=said.append) as show:
        console.print(f"[bold]Remit {__version__}[/bold] demo: everything is on this machine.")
        console.print(f"Page {show.url}   GitHub {show.hub.url}/acme/widgets   data {folder}", highlight=False)
        console.print(f"Isolation: {show.shop.sandbox.wall}.")
        for note in show.notes:
            console.print(f"[bold red]{note}[/bold red]")
        if show.resumed:
            console.print("An interrupted demo was found here; it goes on where it was.")
        _play(show, console, said, live=console.is_terminal and not headless)
        rows = results(show)
        left = leftovers(show)
        start = label_to_start(show)
        calls = len(show.hub.calls)
        if as_json:
            document = {
                "version": __version__,
                "isolation": str(show.shop.sandbox.wall),
                "resumed": show.resumed,
                "label_to_agent_start_ms": start,
                "seconds": round(time.monotonic() - began, 1),
                "github_calls": calls,
                "left_behind": left,
                "issues": rows,
            }
            sys.stdout.write(json.dumps(document, indent=2) + "\n")
        else:
            console.print(_table(rows))
            console.print(
                f"From the label's webhook to the agent's start: {start} ms. {calls} calls to GitHub, "
                f"{time.monotonic() - began:.0f} s in all. Left behind: {_left(left)}."
            )
        if not headless:
            _stay(show, console)
    return 0


def _play(show: Show, console: Console, said: list[str], *, live: bool) -> None:
    """Play the scenario, showing the tasks as they move, or only what people do."""
    failure: list[BaseException] = []

    def play() -> None:
        try:
            show.scenario.play()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that shows it
            failure.append(error)

    thread = threading.Thread(target=play, name="demo-scenario", daemon=True)
    thread.start()
    if live:
        with Live(console=console, refresh_per_second=4, transient=True) as shown:
            _while(thread, lambda: shown.update(Group(_table(results(show)), *(Text(line) for line in said[-LINES:]))))
    else:
        told = 0

        def tell() -> None:
            nonlocal told
            for line in said[told:]:
                console.print(f"  {line}", highlight=False)
            told = len(said)

        _while(thread, tell)
        tell()
    if failure:
        raise failure[0]


def _while(thread: threading.Thread, show: Callable[[], None]) -> None:
    while thread.is_alive():
        show()
        thread.join(0.25)


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(pad_edge=False, box=SIMPLE_HEAD)
    for name in ("issue", "title", "decision", "reason", "state", "branch", "pull"):
        table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=3 if name == "title" else None)
    for row in rows:
        pull = "" if row["pull"] is None else f"#{row['pull']}" + (" draft" if row["draft"] else "")
        reason = row["reasons"][0] if row["reasons"] else ""
        state, branch = row["state"] or "no task", row["branch"] or ""
        table.add_row(f"#{row['issue']}", row["title"], row["decision"] or "", reason, state, branch, pull)
    return table


def _left(left: dict[str, list[str]]) -> str:
    found = [f"{len(names)} {kind}" for kind, names in left.items() if names]
    return ", ".join(found) or "nothing"


def _stay(show: Show, console: Console) -> None:
    console.print(f"The page stays up at {show.url} until you press Ctrl-C.", highlight=False)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Ending.")
