"""Settings: each that is wrong or missing is named, none is ever shown."""

import os

import pytest

from github_app.errors import NotConfiguredError
from github_app.settings import Settings, read_settings

SECRET = "s3cr3t-value-nobody-may-see"


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """An empty directory and no settings of the machine's."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("REMIT_") or name in {"DATABASE_URL", "PORT"}:
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("up", ["REMIT_APP_ID", "REMIT_PRIVATE_KEY", "REMIT_WEBHOOK_SECRET"]),
        ("web", ["REMIT_WEBHOOK_SECRET"]),
        ("worker", ["REMIT_APP_ID", "REMIT_PRIVATE_KEY"]),
    ],
)
def test_what_is_not_configured_is_named_and_nothing_is_made(here, tmp_path, command, names):
    said = here(command, cwd=tmp_path)
    assert said.returncode == 3
    first, second = said.stderr.splitlines()
    assert first.startswith("error: Not configured: ")
    assert all(name in first for name in names)
    assert second.startswith("try: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("REMIT_PORT", SECRET, "REMIT_PORT: a valid integer"),
        ("PORT", SECRET, "PORT: a valid integer"),
        ("REMIT_APP_ID", SECRET, "REMIT_APP_ID: a valid integer"),
        ("REMIT_WEBHOOK_SECRET", "short-secret", "REMIT_WEBHOOK_SECRET: a webhook secret has at least 16 characters"),
        ("REMIT_WEBHOOK_SECRET_PREVIOUS", "short-secret", "REMIT_WEBHOOK_SECRET_PREVIOUS: a webhook secret has"),
        ("REMIT_GITHUB_URL", f"http://{SECRET}.example.org", "REMIT_GITHUB_URL: GitHub is reached by https"),
        ("REMIT_GITHUB_URL", f"https://me:{SECRET}@github.example.org", "REMIT_GITHUB_URL: only scheme, host and"),
        ("REMIT_LOG_LEVEL", SECRET, "REMIT_LOG_LEVEL: 'debug', 'info'"),
        ("REMIT_RUNNERS", "0", "REMIT_RUNNERS: greater than"),
        ("REMIT_PRIVATE_KEY_FILE", "/nowhere/key.pem", "REMIT_PRIVATE_KEY_FILE cannot be read: No such file"),
    ],
)
def test_t02_a_wrong_setting_is_named_without_its_value(monkeypatch, name, value, told):
    monkeypatch.setenv(name, value)
    with pytest.raises(NotConfiguredError) as caught:
        read_settings()
    assert told in caught.value.sentence
    assert SECRET not in caught.value.sentence
    assert "short-secret" not in caught.value.sentence


def test_an_empty_variable_is_as_good_as_none(monkeypatch):
    monkeypatch.setenv("REMIT_APP_ID", "")
    monkeypatch.setenv("REMIT_WEBHOOK_SECRET", "")
    with pytest.raises(NotConfiguredError, match="REMIT_APP_ID, REMIT_WEBHOOK_SECRET"):
        read_settings().require("app_id", "webhook_secret")


def test_the_environment_goes_before_the_file_and_a_key_gets_its_lines_back(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text(f"REMIT_APP_ID=1\nREMIT_PORT=9001\nREMIT_WEBHOOK_SECRET={SECRET}\nOTHER=x\n")
    monkeypatch.setenv("REMIT_PORT", "9002")
    monkeypatch.setenv("REMIT_PRIVATE_KEY", "-----BEGIN X-----\\nabc\\n-----END X-----")
    found = read_settings()
    assert (1, 9002, (SECRET.encode(),)) == (found.app_id, found.port, found.webhook_secrets)
    assert found.private_keys == ("-----BEGIN X-----\nabc\n-----END X-----\n",)
    assert SECRET not in repr(found)


def test_the_names_that_platforms_give_work_too(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@h/d")
    monkeypatch.setenv("PORT", "5000")
    found = read_settings()
    assert (found.database, found.port) == ("postgresql://u@h/d", 5000)


def test_every_setting_says_what_it_is_for():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_key_that_is_no_key_is_said_in_one_sentence(here, tmp_path):
    said = here("worker", cwd=tmp_path, REMIT_APP_ID="1", REMIT_PRIVATE_KEY=SECRET, REMIT_DATA_DIR=tmp_path / "d")
    assert said.returncode == 3
    assert "Traceback" not in said.stderr
    assert SECRET not in said.stderr
