"""`remit pause` and `remit resume`: where nothing new starts, said by whoever sits at the server."""

import json
import os
import pwd
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from github_app.cli.tables import day_and_time, print_rows
from github_app.core.names import Instant
from github_app.core.pause import Pause, Scope, why_paused
from github_app.errors import UsageError
from github_app.store.pauses import pause, pauses, repository_called, resume
from github_app.store.session import Database

UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST_WEEKS = 520


def pause_place(
    db: Database, repository: str | None, installation: int | None, *, reason: str, until: str | None
) -> None:
    """Pause a repository, an installation or, with neither, the server. Raises UsageError for what makes no sense."""
    if not reason.strip():
        raise UsageError("A pause needs a reason; people will read it.", hint='remit pause --reason "..."')
    place = _place(db, repository, installation)
    made = pause(db, *place, reason=reason.strip(), by=operator(), until=_until(until, db.now()))
    sys.stdout.write(f"{why_paused(made).sentence} What runs now runs to its end.\n")


def resume_place(db: Database, repository: str | None, installation: int | None) -> None:
    """Lift the pause of exactly that place. Raises UsageError when there is none."""
    scope, target, name = _place(db, repository, installation)
    if not resume(db, scope, target, by=operator()):
        raise UsageError(f"{name} is not paused.", hint="remit pause --list")
    left = [one for one in pauses(db) if one.scope is Scope.SERVER]
    sys.stdout.write(f"{name} is no longer paused.\n")
    if left and scope is not Scope.SERVER:
        sys.stdout.write(f"{why_paused(left[0]).sentence}\n")


def list_pauses(db: Database, *, as_json: bool) -> None:
    """Print the pauses in force."""
    found: Sequence[Pause] = pauses(db)
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=2) + "\n")
        return
    if not found:
        sys.stdout.write("Nothing is paused.\n")
        return
    rows = [(one.name, day_and_time(one.at), day_and_time(one.until), one.by, one.reason) for one in found]
    print_rows(("where", "since (UTC)", "until (UTC)", "who", "reason"), rows)


def operator() -> str:
    """Return the account that gives the command, as this machine knows it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"account {os.getuid()}"


def _place(db: Database, repository: str | None, installation: int | None) -> tuple[Scope, int, str]:
    if repository is not None and installation is not None:
        raise UsageError("Name a repository or an installation, not both.")
    if installation is not None:
        return Scope.INSTALLATION, installation, f"installation {installation}"
    if repository is None:
        return Scope.SERVER, 0, "this server"
    if repository.isascii() and repository.isdigit():
        return Scope.REPOSITORY, int(repository), f"repository {repository}"
    known = repository_called(db, repository)
    if known is None:
        raise UsageError(
            f"Remit has had no task in {repository}.", hint="the repository's id: gh api repos/OWNER/NAME --jq .id"
        )
    return Scope.REPOSITORY, *known


def _until(said: str | None, now: Instant) -> Instant | None:
    """Return when a pause ends: a time from now (`30m`, `2h`, `3d`, `1w`) or an ISO 8601 instant, UTC unless told."""
    if said is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", said)
    if found is not None:
        until = now + int(found[1]) * UNITS[found[2]] * 1000
    else:
        try:
            at = datetime.fromisoformat(said)
        except ValueError as error:
            raise UsageError(f"{said} is no time.", hint="2h, 3d, or 2027-01-31T18:00+01:00") from error
        until = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    if not now < until < now + LONGEST_WEEKS * UNITS["w"] * 1000:
        raise UsageError(f"{said} is not ahead of us, or too far.", hint="leave --until out for a pause without an end")
    return Instant(until)
