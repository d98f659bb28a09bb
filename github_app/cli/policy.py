"""`remit policy`: read a policy and its examples, show what holds and who said it, compare two of them."""

import json
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from github_app.cli.cases import failing
from github_app.core.names import InstallationId, RepositoryId
from github_app.core.neutral import plain
from github_app.core.policy import Policy
from github_app.errors import PolicyError, RemitError, UsageError
from github_app.github.gather import POLICY_PATH
from github_app.github.organisation import REPOSITORY_NAME, PolicyFile
from github_app.log import configure_log
from github_app.policies import Policies
from github_app.policy.cases import read_cases
from github_app.policy.layers import Layer, Source
from github_app.policy.problems import UnreadablePolicyError
from github_app.policy.read import read_policy
from github_app.policy.render import as_data, render
from github_app.policy.shipped import NAMES, named_source
from github_app.policy.strictness import Change, changes, shown, values
from github_app.policy.validate import dotted
from github_app.settings import Settings, read_settings
from github_app.shipped import shipped
from github_app.wiring import Parts, known_secrets, make_github

WIDTH = 80
_WIDE = {"value": 16, "said in": 24}  # as wide as `policies/default.yml:248`; together with the longest key 80
policy_app = typer.Typer(no_args_is_help=True, help="Look at policies.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Organisation = Annotated[
    Path | None, typer.Option(help="The organisation's policy file, to be laid under the repository's.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """Something that is wrong, as it is printed."""

    sentence: str
    hint: str = ""


@policy_app.command("check")
def policy_check(
    path: Annotated[Path | None, typer.Argument(help="A policy file; default: the server's.")] = None,
    *,
    layer: Annotated[Layer, typer.Option("--as", help="Whose word the file is.")] = Layer.REPOSITORY,
    organisation: Organisation = None,
    cases: Annotated[
        list[Path] | None, typer.Option(help="A folder of examples besides the shipped ones; repeatable.")
    ] = None,
) -> None:
    """Read a policy and say where it is wrong, then hold every example against it that comes with Remit or with you."""
    settings = _settings()
    findings: list[_Finding] = []
    policy = None
    try:
        policy = read_policy(_sources(settings, path, layer, organisation))
    except PolicyError as error:
        findings += _problems(error)
    folders = (shipped("policies/cases"), *(cases or ()))
    count = 0
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder of examples.")
        try:
            read = read_cases(folder)
        except PolicyError as error:
            findings += _problems(error)
        else:
            count += len(read)
            for failed in failing(read):
                findings.append(_Finding(sentence=f"{failed.case.origin}: '{failed.case.name}': {failed.why}"))
    for finding in findings:
        typer.echo(plain(finding.sentence), err=True)
        if finding.hint:
            typer.echo(f"  try: {plain(finding.hint)}", err=True)
    if findings:
        raise typer.Exit(RemitError.exit_code)
    if policy is not None:
        for note in policy.notes:
            typer.echo(plain(note))
        typer.echo(f"Policy {policy.version} is valid: {len(policy.rules)} rules, mode {policy.mode}.")
    typer.echo(f"{count} examples hold.")


@policy_app.command("show")
def policy_show(
    repository: Annotated[
        str | None, typer.Argument(metavar="ORG/REPO", help="A repository on GitHub; default: the server's policy.")
    ] = None,
    *,
    repo: Annotated[Path | None, typer.Option(help="A local clone, with its policy file as it lies on disk.")] = None,
    organisation: Organisation = None,
    origin: Annotated[bool, typer.Option("--origin", help="Say for each key who said it, and where.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the policy that holds: as YAML, or with the origin of every key."""
    policy = _effective(_settings(), repository, repo, organisation)
    if as_json:
        _print_json(
            {
                "version": policy.version,
                "policy": as_data(policy),
                "origins": dict(policy.origins),
                "notes": policy.notes,
                "broken": policy.broken,
            }
        )
    elif origin:
        _print_origins(policy)
    else:
        sys.stdout.write(plain_lines(render(policy)))
    for note in policy.notes:
        typer.echo(plain(note), err=True)
    if policy.broken:
        raise RemitError(f"Nothing runs there: {policy.broken}", hint="correct the file; the server's policy is shown")


@policy_app.command("diff")
def policy_diff(
    old: Annotated[str, typer.Argument(help=f"A file, or one of {', '.join(NAMES)}.")],
    new: Annotated[str, typer.Argument(help="The same.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Compare two policies key by key: what is tighter, what is looser, what is neither."""
    before, after = (read_policy([_named(name)]) for name in (old, new))
    found = list(changes(before, after))
    if as_json:
        _print_json(
            [
                {
                    "key": change.key,
                    "turn": str(change.turn),
                    "old": shown(change.old),
                    "new": shown(change.new),
                    "sentence": change.sentence,
                    "old_origin": before.origin(change.key),
                    "new_origin": after.origin(change.key),
                }
                for change in found
            ]
        )
    elif not found:
        typer.echo("They say the same.")
    else:
        table = _table("", "key", "change")
        for change in found:
            table.add_row(*(Text(plain(cell)) for cell in (str(change.turn), change.key, _said(change))))
        _console().print(table)


def _effective(settings: Settings, repository: str | None, repo: Path | None, organisation: Path | None) -> Policy:
    policies = Policies(settings.policy_file)
    above = None if organisation is None else _file(organisation, str(organisation))
    if repository is not None:
        if repo is not None or organisation is not None:
            raise UsageError("A repository on GitHub and local files cannot be shown at once.", hint="name one of them")
        return _on_github(settings, policies, repository)
    if repo is None:
        return policies.policy_of(above, None)
    if not repo.is_dir():
        raise UsageError(f"{repo} is not a directory.")
    found = repo / POLICY_PATH
    return policies.policy_of(above, _file(found, POLICY_PATH) if found.exists() else None)


def _on_github(settings: Settings, policies: Policies, full_name: str) -> Policy:
    """Return the policy of a repository as its default branch and its owner's have it now."""
    if len([part for part in full_name.split("/") if part]) != 2:
        raise UsageError(f"{full_name!r} is not a repository.", hint="write OWNER/NAME, or use --repo PATH")
    github = make_github(settings, Parts())
    try:
        installation = InstallationId(github.repository_installation(full_name).id)
        known = github.installation_repositories(installation)
        about = next((one for one in known if one.full_name.lower() == full_name.lower()), None)
        if about is None:
            raise UsageError(f"The installation does not have {full_name}.")
        client = github.repository(installation, RepositoryId(about.id), about.full_name)
        head = client.default_branch().head
        raw = client.get_file(POLICY_PATH, head)
        if about.full_name.rpartition("/")[2] == REPOSITORY_NAME:
            path = f"{about.full_name}/{POLICY_PATH}"
            return policies.policy_of(None if raw is None else _policy_file(path, raw, head), None)
        own = None if raw is None else _policy_file(POLICY_PATH, raw, head)
        return policies.policy_of(client.organisation_policy(POLICY_PATH), own)
    finally:
        github.close()


def _sources(settings: Settings, path: Path | None, layer: Layer, organisation: Path | None) -> list[Source]:
    """Return the files to be read, the lowest first."""
    if path is None and layer is not Layer.REPOSITORY:
        raise UsageError(f"There is no file to be read as that of the {layer}.", hint="name one")
    if organisation is not None and layer is not Layer.REPOSITORY:
        raise UsageError("An organisation's file lies under a repository's only.", hint="leave out --as")
    server = settings.policy_file
    sources = [] if server is None or (path is not None and layer is Layer.SERVER) else [_source(server, Layer.SERVER)]
    if organisation is not None:
        sources.append(_source(organisation, Layer.ORGANISATION))
    if path is not None:
        sources.append(_source(path, layer))
    return sources


def _named(name: str) -> Source:
    return named_source(name) if name in NAMES else _source(Path(name), Layer.SERVER)


def _source(path: Path, layer: Layer) -> Source:
    raw = _read(path)
    return Source.of(str(path), raw, sha256(raw).hexdigest()[:12], layer)


def _file(path: Path, shown_as: str) -> PolicyFile:
    raw = _read(path)
    return _policy_file(shown_as, raw, sha256(raw).hexdigest())


def _policy_file(path: str, raw: bytes, version: str) -> PolicyFile:
    try:
        return PolicyFile(path=path, text=Source.of(path, raw, version).text, oid=version)
    except PolicyError:
        return PolicyFile(path=path, text=None, oid=version)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = f"a file, or one of {', '.join(NAMES)}"
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint=hint) from error


def _problems(error: PolicyError) -> list[_Finding]:
    found = error.problems if isinstance(error, UnreadablePolicyError) else (error,)
    return [_Finding(sentence=problem.sentence, hint=problem.hint) for problem in found]


def _said(change: Change) -> str:
    """Return what changed, in few words: of lists only what went and what came."""
    if change.sentence:
        return change.sentence
    if not (isinstance(change.old, tuple) and isinstance(change.new, tuple)):
        return f"{shown(change.old)} -> {shown(change.new)}"
    came = ", ".join(item for item in change.new if item not in change.old)
    gone = ", ".join(item for item in change.old if item not in change.new)
    said = "; ".join(f"{word}: {items}" for word, items in (("added", came), ("gone", gone)) if items)
    return said or "in another order"


def _print_origins(policy: Policy) -> None:
    """Print every key with its value and who said it; keys of one map stand under its name."""
    table, section, files = _table("key", "value", "said in"), "", dict[str, str]()
    for path, value in values(policy):
        if len(path) > 1 and path[0] != section:
            table.add_row(str(path[0]))
        section = str(path[0])
        indented = " " * (len(path) > 1) + ".".join(str(step) for step in path[1:] or path)
        origin = _origin(policy, dotted(path))
        table.add_row(*(Text(plain(cell)) for cell in (indented, shown(value), _place(origin, files))))
    for number, rule in enumerate(policy.rules):
        unless = f" unless {', '.join(rule.none_of)}" if rule.none_of else ""
        said = f"{', '.join(rule.labels)}{unless}: {rule.category}, {rule.tier}"
        table.add_row(*(Text(plain(cell)) for cell in (f"rules[{number}]", said, _place(rule.origin, files))))
    _console().print(table)
    for path_, version in files.items():
        typer.echo(plain(f"{path_} at {version}"))


def _place(origin: str, files: dict[str, str]) -> str:
    """Return where a key was said without the revision, which is kept for the end."""
    place, _, version = origin.rpartition("@")
    if not place:
        return origin
    files[place.rpartition(":")[0]] = version
    return place


def _origin(policy: Policy, key: str) -> str:
    """Return where a key was said; for a key made of several, where the first of them was."""
    inner = (origin for name, origin in policy.origins.items() if name.startswith((f"{key}.", f"{key}[")))
    return policy.origins.get(key) or next(inner, policy.origin(key))


def plain_lines(text: str) -> str:
    """Return a text of several lines without what could move the cursor of a terminal."""
    return "".join(f"{plain(line)}\n" for line in text.splitlines())


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def _table(*names: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name in {"", "key"}, width=_WIDE.get(name))
    return table


def _settings() -> Settings:
    settings = read_settings()
    configure_log(settings.log_level, lambda: known_secrets(settings))
    return settings


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
