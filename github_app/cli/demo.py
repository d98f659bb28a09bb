"""`remit demo` as people see it: what happens while it happens, then a table, then the page until Ctrl-C."""

import json
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from github_app import __version__
from github_app.demo.seed import REPOSITORY
from github_app.demo.show import Show, demo, label_to_start, leftovers, results

LINES = 6
NOT_A_TERMINAL = 130
WIDE = 110
STYLES = {"completed": "green", "in_review": "green", "running": "magenta", "held": "yellow", "failed": "red"}
OK, BROKEN_OFF = 0, 130


def show_demo(folder: Path, *, headless: bool, as_json: bool, port: int, seconds: float, browser: bool) -> int:
    """Run the demo; returns the exit code."""
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=NOT_A_TERMINAL)
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        _show(folder, console, headless=headless, as_json=as_json, port=port, seconds=seconds, browser=browser)
    except KeyboardInterrupt:
        console.print("Interrupted. Started again, the demo goes on where it is.")
        return BROKEN_OFF if headless else OK
    finally:
        signal.signal(signal.SIGTERM, previous)
    return OK


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _show(
    folder: Path, console: Console, *, headless: bool, as_json: bool, port: int, seconds: float, browser: bool
) -> None:
    said: list[str] = []
    began = time.monotonic()
    with demo(folder, port=port, seconds=seconds, say=said.append) as show:
        _introduce(show, console)
        if browser and not headless and console.is_terminal and _has_screen():
            webbrowser.open(show.url)
        _play(show, console, said, live=console.is_terminal and not headless)
        rows = results(show)
        left = leftovers(show)
        start = label_to_start(show)
        if as_json:
            document = {
                "version": __version__,
                "isolation": str(show.shop.sandbox.wall),
                "resumed": show.resumed,
                "notes": list(show.notes),
                "label_to_agent_start_ms": start,
                "seconds": round(time.monotonic() - began, 1),
                "github_calls": len(show.hub.calls),
                "left_behind": left,
                "issues": rows,
            }
            sys.stdout.write(json.dumps(document, indent=2) + "\n")
            sys.stdout.flush()
        else:
            console.print(_table(rows, console.width))
            console.print(
                f"From the label's webhook to the agent's start: {'not known' if start is None else f'{start} ms'}. "
                f"{len(show.hub.calls)} calls to GitHub, {time.monotonic() - began:.0f} s in all. "
                f"Left behind: {_left(left)}.",
                highlight=False,
            )
        if not headless:
            _stay(show, console)


def _introduce(show: Show, console: Console) -> None:
    lines = {
        "page": show.url,
        "GitHub": f"{show.hub.url}/{REPOSITORY}",
        "data, log": str(show.folder),
        "isolation": str(show.shop.sandbox.wall),
    }
    console.print(f"[bold]Remit {__version__}[/bold] demo: everything is on this machine.", highlight=False)
    for name, value in lines.items():
        console.print(f"  {name:10} {escape(value)}", highlight=False, soft_wrap=True)
    for note in show.notes:
        console.print(f"[bold yellow]{escape(note)}[/bold yellow]", highlight=False)
    if show.resumed:
        console.print("An interrupted demo was found here; it resumes where it was.")


def _has_screen() -> bool:
    """Say whether a browser would open a window; one in this very terminal would be in the way."""
    if sys.platform == "darwin":
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


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
            _while(thread, lambda: shown.update(_moment(show, console, said)))
    else:
        told = 0

        def tell() -> None:
            nonlocal told
            for line in said[told:]:
                console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
            told = len(said)

        _while(thread, tell)
        tell()
    if failure:
        raise failure[0]


def _moment(show: Show, console: Console, said: list[str]) -> Group:
    told = (Text(line, no_wrap=True, overflow="ellipsis") for line in said[-LINES:])
    return Group(_table(results(show), console.width), *told)


def _while(thread: threading.Thread, show: Callable[[], None]) -> None:
    while thread.is_alive():
        show()
        thread.join(0.25)


def _table(rows: list[dict[str, Any]], width: int) -> Table:
    """Show what became of each issue; a narrow terminal goes without branches, their names say nothing new."""
    table = Table(pad_edge=False, box=SIMPLE_HEAD, width=min(width, 160), collapse_padding=True, padding=(0, 1, 0, 0))
    names = ["issue", "title", "decision", "reason", "state", "pull", *(["branch"] if width >= WIDE else [])]
    for name in names:
        table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=1 if name == "title" else None)
    for row in rows:
        cells = {
            "issue": f"#{row['issue']}",
            "title": row["title"],
            "decision": row["decision"] or "",
            "reason": row["reasons"][0] if row["reasons"] else "",
            "state": row["state"] or ("no task" if row["decision"] else ""),
            "pull": "" if row["pull"] is None else f"#{row['pull']}" + (" draft" if row["draft"] else ""),
            "branch": row["branch"] or "",
        }
        table.add_row(*(Text(cells[name], style=STYLES.get(cells[name], "")) for name in names))
    return table


def _left(left: dict[str, list[str]]) -> str:
    found = [f"{len(names)} {kind}" for kind, names in left.items() if names]
    return ", ".join(found) or "nothing"


def _stay(show: Show, console: Console) -> None:
    console.print(f"The page stays up at {show.url} until you press Ctrl-C.", highlight=False, soft_wrap=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Ending. The next start begins anew.")
