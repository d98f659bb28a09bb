"""Kill the demo with SIGKILL at given moments, start it again, and compare with one that was left alone.

    python -m tests.demo.killed FOLDER 1 1.5 2 3 4 5 6 7 8 9 10 "reviewer approves"

A moment is a number of seconds after the start, or words of a line the demo prints.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 90
ENDED_BEFORE = "ended before it was killed"
COMPARED = ("issue", "story", "decision", "category", "tier", "reasons", "state", "draft", "proof", "comments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A demo that ran to its end."""

    document: dict[str, Any]
    said: str

    @property
    def table(self) -> list[dict[str, Any]]:
        """What must be the same however often it was killed; a pull request's number depends on who came first."""
        rows = [{name: row[name] for name in COMPARED} for row in self.document["issues"]]
        for row, whole in zip(rows, self.document["issues"], strict=True):
            row["branch"] = bare(whole["branch"])
            row["has_pull"] = whole["pull"] is not None
        return rows


def bare(branch: str | None) -> str | None:
    """Return a branch without its task's number, which depends on who came first."""
    return branch and branch.rpartition("-")[0]


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "github_app", "demo", "--headless", "--json", "--data-dir", str(folder)]


def run_to_the_end(folder: Path) -> Ended:
    done = subprocess.run(command(folder), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return Ended(document=json.loads(done.stdout), said=done.stderr)


def kill_at(folder: Path, moment: float | str) -> str:
    """Start a demo and kill its process alone, never its children; return what it had said."""
    said = []
    with subprocess.Popen(
        command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        timer = threading.Timer(moment if isinstance(moment, float) else PATIENCE, process.kill)
        timer.start()
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if isinstance(moment, str) and moment in line:
                process.kill()
        timer.cancel()
    return "".join(said) if process.returncode == -signal.SIGKILL else ENDED_BEFORE


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of all processes that have to do with a folder."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and int(each.name) != os.getpid():
            try:
                told = (each / "cmdline").read_bytes() + (each / "environ").read_bytes()
                place = str((each / "cwd").readlink())
            except OSError:
                continue
            if str(folder).encode() in told or place.startswith(str(folder)):
                found.append(f"{each.name} {(each / 'cmdline').read_bytes()[:200]!r}")
    return found


def processes_left(folder: Path, seconds: float) -> list[str]:
    """Return what is still alive after at most so many seconds."""
    until = time.monotonic() + seconds
    while (left := processes_of(folder)) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def hub_state(folder: Path) -> dict[str, Any]:
    """Count what the local GitHub has: pull requests by branch, our branches, our comments by their first words."""
    state = json.loads((folder / "github" / "state.json").read_text())
    [repository] = state["repositories"].values()
    issues = repository["issues"].values()
    people = {int(key): one["login"] for key, one in state["accounts"].items()}
    comments: dict[str, int] = {}
    for issue in issues:
        if issue.get("pull") is None:
            for one in issue["comments"]:
                key = f"#{issue['number']} {people[one['author_id']]}"
                comments[key] = comments.get(key, 0) + 1
    heads = [bare(issue["pull"]["head_ref"]) for issue in issues if issue.get("pull")]
    [git] = (folder / "github" / "git").rglob("*.git")
    listed = subprocess.run(
        ["git", f"--git-dir={git}", "for-each-ref", "--format=%(refname)"], capture_output=True, text=True, check=True
    )
    ours = sorted(bare(name) for name in listed.stdout.split() if "/remit/" in name)
    return {"pulls": sorted(heads), "branches": ours, "comments": dict(sorted(comments.items()))}


def try_moment(folder: Path, moment: float | str, expected: Ended, hub: dict[str, Any]) -> list[str]:
    """Kill at a moment, start again; return everything that is not as it should be."""
    said = kill_at(folder, moment)
    wrong = []
    if left := processes_left(folder, 12):
        wrong.append(f"alive after the kill: {left}")
    again = run_to_the_end(folder)
    if left := processes_left(folder, 5):
        wrong.append(f"alive after the end: {left}")
    if said not in {"", ENDED_BEFORE} and not again.document["resumed"]:
        wrong.append("it did not say that it resumes")
    if any(again.document["left_behind"].values()):
        wrong.append(f"left behind: {again.document['left_behind']}")
    for had, has in zip(expected.table, again.table, strict=True):
        wrong += [f"{had['story']}.{name}: {has[name]!r}, not {had[name]!r}" for name in had if had[name] != has[name]]
    now = hub_state(folder)
    wrong += [f"{what}: {now[what]}, not {hub[what]}" for what in hub if now[what] != hub[what]]
    return wrong


def main() -> int:
    root = Path(sys.argv[1]).absolute()
    root.mkdir(parents=True, exist_ok=True)
    expected = run_to_the_end(root / "whole")
    hub = hub_state(root / "whole")
    bad = 0
    for word in sys.argv[2:]:
        moment = float(word) if word.replace(".", "").isdigit() else word
        wrong = try_moment(root / f"killed-{word.replace(' ', '-')}", moment, expected, hub)
        bad += bool(wrong)
        sys.stdout.write(f"{word}: {'as without' if not wrong else ''}\n" + "".join(f"  {line}\n" for line in wrong))
        sys.stdout.flush()
    return bad


if __name__ == "__main__":
    sys.exit(main())
