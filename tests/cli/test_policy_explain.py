"""Decisions explained and simulated at the command line; nothing is written by either."""

import json
import sys
from pathlib import Path

import pytest
from world import BODY, REPOSITORY

from github_app.store.session import Database

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))

from crafted import changed, delivered, facts

from github_app.core.decide import decide
from github_app.policies import Policies
from github_app.store.apply import apply

ACTIVE = "version: 1\nmode: active\n"


@pytest.fixture
def recorded(tmp_path):
    """A data directory in which three issues were decided under the shipped policy, active."""
    server = tmp_path / "server.yml"
    server.write_text(ACTIVE)
    (tmp_path / "data").mkdir(mode=0o711)
    db = Database(f"sqlite:///{tmp_path / 'data' / 'remit.db'}")
    db.upgrade()
    policies = Policies(server)
    for number in (1, 2, 3):
        delivery = delivered(db, f"d-{number}", number)
        known = facts(number, now=db.now())
        apply(db, delivery, changed(number), policies.base, known, decide, sources={"server.yml": ACTIVE})
    db.close()
    return {"cwd": tmp_path, "REMIT_DATA_DIR": tmp_path / "data", "REMIT_POLICY_FILE": server}


def test_a_supposed_issue_is_decided_and_nothing_is_made(here, tmp_path):
    said = here(
        *("policy", "simulate", "--labels", "bug,remit", "--by", "maintainer:write", "--author", "visitor:read"),
        *("--public", "--mode", "active", "--body-length", "200", "--at", "2026-11-22T03:00:00Z"),
        cwd=tmp_path,
    )
    assert said.returncode == 0, said.stderr
    for words in ("hold: bugfix, proposed", "visitor wrote the issue", "What would change it:", "An approval of"):
        assert words in said.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_supposed_issue_as_data(here, tmp_path):
    (tmp_path / "new.yml").write_text(ACTIVE + "blocked: [documentation]\n")
    ask = ("policy", "simulate", "--labels", "documentation,remit", "--json")
    free = json.loads(here(*ask, "--mode", "active", cwd=tmp_path).stdout)
    assert (free["verdict"], free["remedies"]) == ("run", [])
    blocked = json.loads(here(*ask, "--policy", "new.yml", cwd=tmp_path).stdout)
    assert blocked["verdict"] == "block"
    assert blocked["remedies"][0]["labels"] == ["documentation"]
    assert blocked["reasons"][0]["origin"].startswith("new.yml:3@")


def test_the_description_may_come_from_a_file(here, tmp_path):
    (tmp_path / "body.md").write_text("short")
    ask = ("policy", "simulate", "--labels", "tests,remit", "--mode", "active", "--body", "body.md", "--json")
    assert json.loads(here(*ask, cwd=tmp_path).stdout)["reasons"][0]["code"] == "body.short"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Either an issue is supposed or records are replayed."),
        (("--labels", "bug", "--since", "30d"), "Either an issue is supposed or records are replayed."),
        (("--labels", "bug", "--by", "ann:boss"), "'ann:boss' is nobody."),
        (("--labels", "bug,BUG"), "An issue carries a label once."),
        (("--labels", "bug", "--at", "soon"), "'soon' is no time."),
        (("--labels", "bug", "--policy", "no.yml"), "no.yml cannot be read"),
        (("--labels", "bug", "--repo", "a/b"), "--repo is for records."),
        (("--since", "30d"), "A replay needs the one policy file"),
    ],
)
def test_what_cannot_be_simulated_says_so_in_a_sentence(here, tmp_path, words, told):
    said = here("policy", "simulate", *words, cwd=tmp_path)
    assert (said.returncode, said.stdout) == (2, "")
    assert told in said.stderr


def test_a_broken_policy_says_where(here, tmp_path):
    (tmp_path / "new.yml").write_text("version: 1\nmoed: active\n")
    said = here("policy", "simulate", "--since", "30d", "--policy", "new.yml", cwd=tmp_path)
    assert said.returncode == 1
    assert "new.yml:2:1" in said.stderr


def test_records_are_replayed_under_the_same_policy_and_nothing_changes(here, recorded):
    Path(recorded["cwd"], "same.yml").write_text("version: 1\n")
    said = here("policy", "simulate", "--since", "1d", "--policy", "same.yml", "--json", **recorded)
    assert json.loads(said.stdout)["verdicts"] == [{"before": "run", "after": "run", "count": 3}]


def test_records_are_replayed_under_another_policy(here, recorded):
    Path(recorded["cwd"], "new.yml").write_text("version: 1\nmode: propose\n")
    ask = ("policy", "simulate", "--since", "1d", "--policy", "new.yml")
    found = json.loads(here(*ask, "--json", **recorded).stdout)
    assert (found["replayed"], found["changed"], found["skipped"]) == (3, 3, 0)
    assert [row["where"] for row in found["rows"]] == ["acme/r1#3", "acme/r1#2", "acme/r1#1"]
    assert found["rows"][0]["reasons"][0]["code"] == "mode.propose"
    table = here(*ask, **recorded).stdout
    assert "3 recorded decisions made again, 3 come out otherwise" in table
    assert "new.yml:2" in table or ".github/remit.yml:2" in table


def test_the_servers_own_file_can_be_replaced_too(here, recorded):
    Path(recorded["cwd"], "new.yml").write_text("version: 1\nmode: active\nblocked: [documentation]\n")
    said = here("policy", "simulate", "--since", "1d", "--policy", "new.yml", "--as", "server", "--json", **recorded)
    assert json.loads(said.stdout)["verdicts"] == [{"before": "run", "after": "block", "count": 3}]


def test_only_one_repository_and_only_since_a_day(here, recorded):
    Path(recorded["cwd"], "new.yml").write_text("version: 1\nmode: propose\n")
    ask = ("policy", "simulate", "--policy", "new.yml", "--json")
    assert json.loads(here(*ask, "--since", "1d", "--repo", "ACME/R1", **recorded).stdout)["replayed"] == 3
    assert json.loads(here(*ask, "--since", "1d", "--repo", "acme/r2", **recorded).stdout)["replayed"] == 0
    assert json.loads(here(*ask, "--since", "0s", **recorded).stdout)["replayed"] == 0


def test_a_stored_decision_is_explained_from_its_own_facts(here, recorded):
    said = here("policy", "explain", "--decision", "1", "--json", **recorded)
    (made,) = json.loads(said.stdout)
    assert (made["about"], made["verdict"]) == ("decision 1: acme/r1#1", "run")
    assert here("policy", "explain", "--decision", "99", **recorded).returncode == 2


def test_examples_are_explained(here, tmp_path):
    (tmp_path / "c.yml").write_text(
        "cases:\n  - name: a bug of a writer\n    labels: {bug: writer, remit: writer}\n    expect: {verdict: hold}\n"
    )
    said = here("policy", "explain", "--case", "c.yml", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert "a bug of a writer" in said.stdout
    assert "An approval of" in said.stdout


def test_an_issue_is_explained_as_github_has_it_now(here, installed, place):
    number = installed.hub.open_issue(
        REPOSITORY, "Say what happens", BODY, "maintainer", labels=("remit", "documentation", "security")
    )
    told = {name: value for name, value in installed.settings.items() if name != "REMIT_DATA_DIR"}
    said = here("policy", "explain", f"{REPOSITORY}#{number}", "--json", cwd=place, REMIT_DATA_DIR="unmade", **told)
    assert said.returncode == 0, said.stderr
    (made,) = json.loads(said.stdout)
    assert made["verdict"] == "block"
    assert made["remedies"][0]["sentence"] == "Remove `security`. Then it runs."
    assert not (place / "unmade").exists()
    assert here("policy", "explain", "nonsense", cwd=place, **told).returncode == 2
    assert here("policy", "explain", "acme/nothing#1", cwd=place, **told).returncode == 1
