"""The command line as people start it: real processes, in directories of their own."""

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest
import structlog
from cli_process import Installed, Said, free_port, git
from postgres import server as postgres_server
from world import SECRET, WRITES_A_PAGE, seed

from github_app.__main__ import main
from github_app.demo.hub import Hub
from github_app.git.removal import remove
from github_app.sandbox.account import find_account
from github_app.sandbox.system import interpreter


@pytest.fixture
def here(monkeypatch, capsys):
    """Run a command in this process, which is quicker: `here("task", "list", cwd=folder, REMIT_PORT=1)`."""
    for name in list(os.environ):
        if name.startswith("REMIT_") or name in {"DATABASE_URL", "PORT"}:
            monkeypatch.delenv(name)

    def run(*words, cwd, **env):
        monkeypatch.chdir(cwd)
        for name, value in env.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setattr(sys, "argv", ["remit", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Said(ended.value.code or 0, told.out, told.err)

    yield run
    structlog.reset_defaults()


@pytest.fixture
def place():
    """A directory that the agents' account may enter (pytest's own are closed to it when the tests run as root)."""
    folder = Path(tempfile.mkdtemp(prefix="remit-cli-"))
    folder.chmod(0o711)
    yield folder
    remove(folder)


@pytest.fixture
def installed(place):
    hub, port = Hub(place / "github"), free_port()
    url = f"http://127.0.0.1:{port}"
    with hub.serve():
        app, _ = seed(hub, url, "version: 1\nmode: active\n")
        key = place / "key.pem"
        key.write_text(app.private_key_pem)
        python = interpreter(find_account(None))
        words = json.dumps([str(python), str(place / "agent.py")])
        policy = place / "server.yml"
        policy.write_text(
            f"version: 1\nweakest_wall: none\nagent: {{adapter: command, command: {words}, review: {words}}}\n"
        )
        made = Installed(
            hub,
            place,
            url,
            {
                "REMIT_GITHUB_URL": hub.url,
                "REMIT_APP_ID": app.app_id,
                "REMIT_PRIVATE_KEY_FILE": key,
                "REMIT_WEBHOOK_SECRET": SECRET,
                "REMIT_POLICY_FILE": policy,
                "REMIT_DATA_DIR": place / "data",
                "REMIT_PORT": port,
            },
        )
        made.program(WRITES_A_PAGE)
        (place / "agent.py").chmod(0o644)
        yield made


@pytest.fixture
def postgres_url(tmp_path_factory, request):
    base = tmp_path_factory.getbasetemp()
    alone = getattr(request.config, "workerinput", None) is None
    with postgres_server(base if alone else base.parent) as found:
        name = found.create()
        yield found.url(name)
        found.drop(name)


@pytest.fixture
def clone(place):
    """A clone with one commit, a dirty file and an untracked one."""
    path = place / "clone"
    (path / "docs").mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")
    (path / "README.md").write_text("# here\n")
    (path / "docs" / "a.md").write_text("a\n")
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "one")
    (path / "README.md").write_text("# here\ndirty\n")
    (path / "untracked").write_text("mine\n")
    return path
