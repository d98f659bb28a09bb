"""The App's manifest asks for what the code uses and for nothing else."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from github_app.github.endpoints import permissions
from github_app.github.webhook import WANTED
from github_app.shipped import shipped

ROOT = Path(__file__).parents[2]
# https://docs.github.com/en/webhooks/webhook-events-and-payloads#installation: every app gets these unasked.
UNASKED = {"installation", "installation_repositories"}


@pytest.fixture
def manifest():
    return YAML(typ="safe").load(shipped("app.yml"))


def test_the_permissions_are_those_of_the_calls_that_are_made(manifest):
    assert dict(permissions()) == manifest["default_permissions"]


def test_the_events_are_those_that_are_read(manifest):
    assert set(WANTED) - UNASKED == set(manifest["default_events"])


def test_the_app_is_private_until_somebody_decides_otherwise(manifest):
    assert manifest["public"] is False


def test_the_processes_of_the_procfile_are_commands():
    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert lines == {
        "release": "python -m github_app db upgrade",
        "web": "python -m github_app web",
        "worker": "python -m github_app worker",
    }
