"""The commands of whoever oversees: `remit task audit`, `remit pause`, `remit resume`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from github_app.cli.audit import audit_task, verify_file
from github_app.cli.pauses import list_pauses, pause_place, resume_place
from github_app.errors import UsageError
from github_app.store.session import Database

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Repo = Annotated[str | None, typer.Option(metavar="ORG/REPO", help="A repository, by name or by GitHub's id.")]
Installation = Annotated[int | None, typer.Option(metavar="ID", help="An installation of the App.")]


Opened = Callable[[], AbstractContextManager[Database]]


def add_oversight(app: typer.Typer, tasks: typer.Typer, database: Opened) -> None:
    """Add the commands; `database` opens the configured one."""

    @tasks.command("audit")
    def task_audit(
        task_id: Annotated[int | None, typer.Argument(metavar="[TASK]", help="The task's number.")] = None,
        *,
        as_json: Annotated[bool, typer.Option("--json", help="Print the trail as a document to keep.")] = False,
        verify: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Check an exported trail; needs no database.")
        ] = None,
        head: Annotated[
            str | None, typer.Option(metavar="DIGEST", help="A digest noted earlier; it must be in the trail.")
        ] = None,
    ) -> None:
        """Show, export or check the audit trail of a task: who started what, on whose word, and what was proved."""
        if (task_id is None) == (verify is None):
            raise UsageError("Name a task, or a file to verify.", hint="remit task audit 3 --json > trail.json")
        if verify is not None:
            verify_file(verify, head=head)
        elif task_id is not None:
            with database() as db:
                audit_task(db, task_id, as_json=as_json, head=head)

    @app.command()
    def pause(
        *,
        repo: Repo = None,
        installation: Installation = None,
        reason: Annotated[str, typer.Option(help="Why; people will read it.")] = "",
        until: Annotated[
            str | None, typer.Option(metavar="2h|ISO", help="When it lifts by itself: 30m, 2h, 3d, 1w, or an instant.")
        ] = None,
        show: Annotated[bool, typer.Option("--list", help="Show what is paused, and change nothing.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Let nothing new start: on this server, in an installation or in a repository. What runs, runs to its end."""
        with database() as db:
            if show:
                list_pauses(db, as_json=as_json)
            else:
                pause_place(db, repo, installation, reason=reason, until=until)

    @app.command()
    def resume(*, repo: Repo = None, installation: Installation = None) -> None:
        """Let work start again where it was paused."""
        with database() as db:
            resume_place(db, repo, installation)
