"""`remit policy`: what it prints and how it ends."""

import json

import pytest
from typer.testing import CliRunner

from github_app.cli.policy import policy_app
from github_app.errors import RemitError, UsageError
from github_app.policy.layers import Layer, Source
from github_app.policy.read import default_policy, read_policy

ORGANISATION = "mode: active\ncaps: {pending_per_repository: 3}\n"
CASE = "cases:\n  - name: one good name\n    labels: {remit: writer, bug: writer}\n    expect: {verdict: run}\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty directory with a server that has no settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("github_app.cli.policy.configure_log", lambda *_: None)  # the runner closes what it would hold

    def go(*words):
        return CliRunner().invoke(policy_app, [str(word) for word in words])

    return go


@pytest.fixture
def clone(tmp_path):
    def write(text):
        folder = tmp_path / "clone"
        (folder / ".github").mkdir(parents=True, exist_ok=True)
        (folder / ".github" / "remit.yml").write_text(text)
        (tmp_path / "org.yml").write_text(ORGANISATION)
        return folder

    return write


def test_check_reads_the_policy_and_runs_every_example(run):
    done = run("check")
    assert done.exit_code == 0
    assert f"Policy {default_policy().version} is valid: 6 rules, mode propose." in done.output
    assert "examples hold" in done.output


def test_check_prints_every_problem_with_what_to_try_and_ends_with_1(run, clone):
    file = clone("mode: activ\nagent: {adapter: x}\n") / ".github/remit.yml"
    done = run("check", file)
    assert done.exit_code == 1
    assert f"{file}:1:7: `mode` must be one of" in done.stderr
    file.write_text("agent: {adapter: x}\n")
    done = run("check", file)
    assert "`agent` is not for a repository" in done.stderr
    assert "  try: remove the key, or ask who runs Remit" in done.stderr
    assert run("check", file, "--as", "server").exit_code == 0


def test_check_holds_a_repository_against_its_organisation(run, clone):
    file = clone("caps: {pending_per_repository: 4}\n") / ".github/remit.yml"
    assert run("check", file).exit_code == 0
    done = run("check", file, "--organisation", "org.yml")
    assert done.exit_code == 1
    assert f"{file}:1:8: `caps.pending_per_repository` may only be made stricter" in done.stderr


def test_check_names_the_example_that_fails_and_why(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.yml").write_text(CASE)
    done = run("check", "--cases", tmp_path / "mine")
    assert done.exit_code == 1
    assert "mine/a.yml:2@" in done.stderr
    assert "'one good name': verdict is hold, not run (given labels: remit by writer, bug by writer" in done.stderr


@pytest.mark.parametrize("words", [("check", "nothing.yml"), ("check", "--cases", "nowhere"), ("diff", "default", "x")])
def test_what_is_not_there_is_a_usage_error(run, words):
    assert isinstance(run(*words).exception, UsageError)


def test_show_prints_a_policy_that_reads_as_the_same(run, clone):
    done = run("show", "--repo", clone("retries: 1\n"))
    source = Source(path="x.yml", text=done.stdout, version="v", layer=Layer.SERVER)
    assert done.exit_code == 0
    assert read_policy([source]).retries == 1


def test_show_says_for_every_key_who_said_it_in_eighty_columns(run, clone):
    done = run("show", "--repo", clone("limits: {usd: 1}\n"), "--organisation", "org.yml", "--origin")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines if line.split()[:1] in (["usd"], ["pending_per_repository"], ["mode"])] == [
        ["mode", "active", "org.yml:1"],
        ["pending_per_repository", "3", "org.yml:2"],
        ["usd", "1", ".github/remit.yml:1"],
    ]
    assert any("policies/default.yml at " in line for line in lines)
    assert any("documentation:" in line for line in lines)


def test_show_as_json_has_every_value_and_every_origin(run, clone):
    said = json.loads(run("show", "--repo", clone("retries: 1\n"), "--json").stdout)
    assert (said["policy"]["retries"], said["broken"], said["notes"]) == (1, "", [])
    assert said["origins"]["retries"].startswith(".github/remit.yml:1@")


def test_show_of_a_policy_that_cannot_be_read_ends_with_where(run, clone):
    done = run("show", "--repo", clone("retries: many\n"))
    assert isinstance(done.exception, RemitError)
    assert ".github/remit.yml:1:10" in done.exception.sentence


def test_diff_says_key_by_key_what_is_tighter_and_what_is_looser(run):
    done = run("diff", "default", "strict")
    assert done.exit_code == 0
    assert {line.split()[0] for line in done.stdout.splitlines()[3:] if line[:2] == " t"} == {"tighter"}
    back = json.loads(run("diff", "strict", "default", "--json").stdout)
    assert {change["turn"] for change in back} == {"looser"}
    assert run("diff", "default", "default").stdout == "They say the same.\n"
