"""`remit up`, `web` and `worker` as processes: they serve an issue to its pull request, and they end when told."""

import sqlite3

import httpx
import pytest
from cli_process import eventually, remit, running
from world import BODY, REPOSITORY, SECRET

LABELS = ("documentation", "remit")


def open_issue(installed, title="Say what happens to an order paid twice"):
    return installed.hub.open_issue(REPOSITORY, title, BODY, "maintainer", labels=LABELS)


def test_up_serves_a_labelled_issue_to_its_pull_request_and_ends_when_told(installed, place):
    with running("up", cwd=place, **installed.settings) as up:
        eventually(installed.healthy, up.log)
        number = open_issue(installed)
        pull = eventually(lambda: installed.pull_of(number), up.log)
        assert f"remit/docs/{number}-1" == pull.pull.head
        assert httpx.get(f"{installed.url}/tasks/1").status_code == 200
        code, seconds = up.end()
    assert (code, seconds < 5) == (0, True)
    said = up.log.read_text()
    assert "Traceback" not in said
    assert SECRET not in said


def test_a_task_that_runs_when_up_is_told_to_end_is_given_back_and_finished_by_the_next(installed, place):
    installed.program("if purpose != 'review': time.sleep(60)\nreview([])")
    with running("up", cwd=place, **installed.settings) as up:
        eventually(installed.healthy, up.log)
        number = open_issue(installed)
        eventually(lambda: "phase.agent" in _steps(place), up.log)
        code, seconds = up.end()
    assert (code, seconds < 8) == (0, True)
    assert _state(place) == "queued"
    installed.program("if purpose == 'review': review([])\nPath('docs/x.md').write_text('x\\n')\nleave('Done.')")
    with running("up", cwd=place, **installed.settings) as up:
        assert eventually(lambda: installed.pull_of(number), up.log).pull.head.startswith("remit/docs/")
        assert up.end()[0] == 0


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_web_and_worker_do_it_together_on_one_database(installed, place, kind, request):
    settings = dict(installed.settings)
    if kind == "postgres":
        settings["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    refused = remit("web", cwd=place, **settings)
    assert (refused.returncode, "remit db upgrade" in refused.stderr) == (3, True)
    assert remit("db", "upgrade", cwd=place, **settings).returncode == 0
    with running("web", cwd=place, **settings) as web, running("worker", cwd=place, **settings) as worker:
        eventually(installed.healthy, web.log)
        number = open_issue(installed)
        assert eventually(lambda: installed.pull_of(number), worker.log)
        assert (worker.end()[0], web.end()[0]) == (0, 0)


def test_a_port_that_is_taken_is_said_in_one_sentence(installed, place):
    with running("up", cwd=place, **installed.settings) as up:
        eventually(installed.healthy, up.log)
        again = remit("up", cwd=place, **installed.settings)
    assert again.returncode == 3
    assert again.stderr.splitlines()[-2].startswith("error: 127.0.0.1 port")
    assert "Traceback" not in again.stderr


def _ask(place, statement):
    path = place / "data" / "remit.db"
    if not path.exists():
        return None
    connection = sqlite3.connect(path)
    try:
        return (connection.execute(statement).fetchone() or [""])[0]
    finally:
        connection.close()


def _state(place):
    return _ask(place, "SELECT state FROM task")


def _steps(place):
    return str(_ask(place, "SELECT steps FROM attempt"))
