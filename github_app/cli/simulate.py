"""`remit policy explain` and `remit policy simulate`: decisions made and shown, and nothing written anywhere.

Explained is what is: an issue on GitHub now, an example, a stored decision. Simulated is what could be: a supposed
issue, or the recorded decisions under another policy.
"""

import contextlib
import json
import re
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer

from github_app.cli.cases import facts_of
from github_app.cli.tables import print_decision, print_replayed
from github_app.core.decide import decide
from github_app.core.decision import Decision
from github_app.core.events import Actor, IssueChanged, Place
from github_app.core.facts import Facts, Ledger
from github_app.core.names import InstallationId, Instant, Mode, RepositoryId
from github_app.core.policy import Policy
from github_app.core.replay import Recording, decide_again, replay
from github_app.core.suppose import Supposed, decide_now, decide_supposed, person
from github_app.errors import GitHubRefusedError, RemitError, UsageError
from github_app.github.gather import POLICY_PATH, gather_issue
from github_app.log import configure_log
from github_app.policies import OID, Policies
from github_app.policy.cases import cases_in
from github_app.policy.layers import Layer, Source
from github_app.policy.read import read_policy
from github_app.settings import Settings, read_settings
from github_app.store.ledger import read_ledger
from github_app.store.recorded import known_sources, recorded_decision, recordings
from github_app.store.session import Database
from github_app.wiring import Parts, known_secrets, make_github, open_database

_ISSUE = re.compile(r"([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)#([0-9]{1,10})")
_AGO = re.compile(r"([0-9]{1,5})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
As = Annotated[Layer, typer.Option("--as", help="Whose word the policy file is: server or repository.")]


def add_simulation(policy_app: typer.Typer) -> None:
    """Add both commands to `remit policy`."""
    policy_app.command("explain")(policy_explain)
    policy_app.command("simulate")(policy_simulate)


def policy_explain(
    issue: Annotated[str | None, typer.Argument(metavar="ORG/REPO#N", help="An issue, as GitHub has it now.")] = None,
    *,
    case: Annotated[Path | None, typer.Option(help="A file of examples, each explained.")] = None,
    decision: Annotated[int | None, typer.Option(help="A stored decision, by its number.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decide about an issue and print every step, every reason and what would change it. Nothing is written."""
    if [issue, case, decision].count(None) != 2:
        raise UsageError("One thing can be explained at a time.", hint="ORG/REPO#N, --case FILE or --decision NUMBER")
    settings = _settings()
    if issue is not None:
        found = [_of_issue(settings, issue)]
    elif case is not None:
        source = Source.of(str(case), _read(case), "file", Layer.SERVER)
        found = [(one.name, decide_now(one.policy, facts_of(one))) for one in cases_in(source)]
    else:
        found = [_of_record(settings, decision or 0)]
    if as_json:
        _print_json([{"about": name, **made.as_json()} for name, made in found])
        return
    for name, made in found:
        typer.echo(name)
        print_decision(made.as_json())


def policy_simulate(
    *,
    policy: Annotated[list[Path] | None, typer.Option(help="A policy file; repeatable, the last on top.")] = None,
    layer: As = Layer.REPOSITORY,
    labels: Annotated[str | None, typer.Option(help="Supposed: labels of the issue, separated by commas.")] = None,
    by: Annotated[str, typer.Option(help="Supposed: who set them, LOGIN:PERMISSION or a role.")] = "maintainer",
    author: Annotated[str, typer.Option(help="Supposed: who wrote the issue.")] = "writer",
    editor: Annotated[str | None, typer.Option(help="Supposed: who edited it last.")] = None,
    public: Annotated[bool, typer.Option("--public/--private", help="Supposed: the repository.")] = False,
    mode: Annotated[Mode | None, typer.Option(help="Supposed: the repository's mode.")] = None,
    title: Annotated[str, typer.Option(help="Supposed: the title.")] = "A supposed issue",
    body: Annotated[Path | None, typer.Option(help="Supposed: a file with the description.")] = None,
    body_length: Annotated[int, typer.Option(min=0, max=65_536, help="Supposed: or only how long it is.")] = 400,
    at: Annotated[str | None, typer.Option(help="Supposed: when, in ISO 8601; default: now.")] = None,
    assigned: Annotated[bool, typer.Option("--assigned", help="Supposed: somebody is assigned.")] = False,
    pending: Annotated[int, typer.Option(min=0, help="Supposed: tasks pending in the repository.")] = 0,
    since: Annotated[str | None, typer.Option(help="Recorded: how far back, as 30d, 12h or an ISO date.")] = None,
    repo: Annotated[str | None, typer.Option(metavar="ORG/REPO", help="Recorded: only of this repository.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Recorded: how many changed decisions to list.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what a policy would make of a supposed issue, or of everything that was decided since a day."""
    settings = _settings()
    files = tuple(policy or ())
    if (labels is None) == (since is None):
        raise UsageError(
            "Either an issue is supposed or records are replayed.", hint="--labels bug,remit or --since 30d"
        )
    if labels is None:
        if len(files) != 1:
            raise UsageError("A replay needs the one policy file to compare with.", hint="--policy NEW.yml")
        _replay(settings, files[0], layer, _since(since or ""), repo, limit, as_json=as_json)
        return
    if repo is not None:
        raise UsageError("--repo is for records.", hint="--since 30d")
    rules = _policy(settings, files, layer, mode)
    supposed = Supposed(
        labels=tuple(name.strip() for name in labels.split(",") if name.strip()),
        now=Instant(time.time_ns() // 1_000_000) if at is None else _instant(at),
        by=person(by),
        author=person(author),
        editor=None if editor is None else person(editor),
        private=not public,
        title=title,
        body="x" * body_length if body is None else _text(body),
        assigned=assigned,
        counts=Ledger(pending_repository=pending, pending_installation=pending),
    )
    made = decide_supposed(rules, supposed)
    if as_json:
        _print_json({"policy": rules.version, **made.as_json()})
    else:
        print_decision(made.as_json())


def _of_issue(settings: Settings, said: str) -> tuple[str, Decision]:
    """Decide about an issue as GitHub has it now, with what our database says."""
    match = _ISSUE.fullmatch(said)
    if match is None:
        raise UsageError(f"{said!r} is no issue.", hint="ORG/REPO#N, in quotes")
    full_name, number = match.group(1), int(match.group(2))
    policies = Policies(settings.policy_file)
    github = make_github(settings, Parts())
    try:
        installation = InstallationId(github.repository_installation(full_name).id)
        known = github.installation_repositories(installation)
        about = next((one for one in known if one.full_name.lower() == full_name.lower()), None)
        if about is None:
            raise UsageError(f"The installation does not have {full_name}.")
        repository_id = RepositoryId(about.id)
        client = github.repository(installation, repository_id, about.full_name)
        own = github.own_user_id(installation)
        gathered = gather_issue(client, number, None, Instant(time.time_ns() // 1_000_000), own)
    except GitHubRefusedError as error:
        raise RemitError(f"GitHub does not show it: {error.sentence}", hint="is the app installed there?") from error
    finally:
        github.close()
    rules = policies.policy_for(gathered)
    place = Place(installation_id=installation, repository_id=repository_id, full_name=about.full_name)
    facts = _with_ledger(settings, place, number, rules, gathered.facts)
    return f"{about.full_name}#{number}, as it is now", decide_now(rules, facts)


def _with_ledger(settings: Settings, place: Place, number: int, rules: Policy, facts: Facts) -> Facts:
    """Return the facts with what our database says, where there is one."""
    sender = Actor(id=facts.sender.id, login=facts.sender.login, human=facts.sender.human)
    event = IssueChanged(place=place, number=number, action="reconciled", sender=sender)
    with _database(settings) as db:
        if db is None:
            return facts
        with db.read() as session:
            return facts.with_ledger(read_ledger(session, event, rules, facts))


def _of_record(settings: Settings, decision_id: int) -> tuple[str, Decision]:
    with _database(settings) as db:
        found = None if db is None else recorded_decision(db, decision_id)
        if db is None or found is None:
            raise UsageError(f"Decision {decision_id} is not there, or cannot be made again.", hint="remit task list")
        rules = Policies(settings.policy_file).policy_from(known_sources(db).get(found.policy_version))
    if isinstance(found.event, IssueChanged):
        made = decide_now(replace(rules, version=found.policy_version), found.facts)
    else:
        made = decide_again(decide, rules, found)
    return f"decision {found.id}: {found.where}", made


def _replay(
    settings: Settings, path: Path, layer: Layer, since: Instant, repo: str | None, limit: int, *, as_json: bool
) -> None:
    _policy(settings, (path,), layer, None)  # says where it is wrong before anything is replayed
    with _database(settings) as db:
        if db is None:
            raise UsageError("There is no database, so nothing is recorded.", hint="remit policy simulate --labels ...")
        found = replay(decide, _other(settings, db, path, layer), recordings(db, since=since, repository=repo))
    if as_json:
        _print_json({"policy": str(path), "since": since, **found.as_json()})
    else:
        print_replayed(found, limit)


def _other(settings: Settings, db: Database, path: Path, layer: Layer) -> Callable[[Recording], Policy]:
    """Return which policy a recorded decision is made again under: its own with one file replaced."""
    texts = known_sources(db)
    raw = _read(path)
    new = {POLICY_PATH: raw.decode("utf-8"), OID: sha256(raw).hexdigest()} if layer is Layer.REPOSITORY else {}
    policies = Policies(path if layer is Layer.SERVER else settings.policy_file)
    made: dict[str, Policy] = {}

    def policy_of(recorded: Recording) -> Policy:
        version = recorded.policy_version
        if version not in made:
            made[version] = policies.policy_from({**texts.get(version, {}), **new})
        return made[version]

    return policy_of


def _policy(settings: Settings, files: Sequence[Path], layer: Layer, mode: Mode | None) -> Policy:
    """Return the policy of files over the server's; one that is the server's stands instead of it."""
    if layer not in {Layer.SERVER, Layer.REPOSITORY}:
        raise UsageError(f"A file cannot be tried as that of the {layer}.", hint="--as server or --as repository")
    server = settings.policy_file
    below = [] if server is None or (files and layer is Layer.SERVER) else [_source(server, Layer.SERVER)]
    policy = read_policy([*below, *(_source(path, layer) for path in files)])
    if mode is None:
        return policy
    return replace(policy, mode=mode, origins={**policy.origins, "mode": "--mode"})


def _source(path: Path, layer: Layer) -> Source:
    raw = _read(path)
    return Source.of(str(path), raw, sha256(raw).hexdigest()[:12], layer)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error


def _text(path: Path) -> str:
    try:
        return _read(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8.") from error


def _since(said: str) -> Instant:
    match = _AGO.fullmatch(said)
    if match is None:
        return _instant(said)
    seconds = int(match.group(1)) * _SECONDS[match.group(2)]
    return Instant(max(0, time.time_ns() // 1_000_000 - seconds * 1000))


def _instant(said: str) -> Instant:
    try:
        at = datetime.fromisoformat(said)
    except ValueError as error:
        raise UsageError(f"{said!r} is no time.", hint="30d, 12h, 2026-01-31 or 2026-01-31T12:00Z") from error
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return Instant(int(aware.timestamp() * 1000))


@contextlib.contextmanager
def _database(settings: Settings) -> Generator[Database | None]:
    """Give the database, or None where none was ever made: explaining makes no file."""
    url = settings.database
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        yield None
        return
    db = open_database(settings, Parts())
    try:
        db.check()
        yield db
    finally:
        db.close()


def _settings() -> Settings:
    settings = read_settings()
    configure_log(settings.log_level, lambda: known_secrets(settings))
    return settings


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
