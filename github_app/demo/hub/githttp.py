"""git over HTTP: fetches are answered by `git upload-pack`, pushes are taken in here, ref by ref.

A push is judged per ref with GitHub's own words behind `! [remote rejected]`, which git's hooks cannot say; so the pack
goes through `git index-pack` and the refs through `git update-ref`, under the world's lock.
https://git-scm.com/docs/http-protocol, https://git-scm.com/docs/pack-protocol
"""

import asyncio
import zlib
from typing import NamedTuple

from github_app.demo.hub import pulls
from github_app.demo.hub.apps import LEVELS
from github_app.demo.hub.bare import GIT, SAFE_REF, ZERO, BareRepository, CommandError, environment
from github_app.demo.hub.credentials import password_of, reaches, token_of
from github_app.demo.hub.records import Installation, Repository, Token
from github_app.demo.hub.refusal import RefusedError
from github_app.demo.hub.world import Actor, World

LARGEST = 256 * 1024 * 1024
WORKFLOWS = ".github/workflows"


class Command(NamedTuple):
    """One ref of a push."""

    old: str
    new: str
    ref: str


class Pusher(NamedTuple):
    """Who is behind a git request; no token means anonymous."""

    token: Token | None
    installation: Installation | None
    text: str = ""

    def permits(self, name: str, level: str) -> bool:
        """Say whether the token's permissions include a level."""
        granted = self.token.permissions.get(name, "none") if self.token else "none"
        return LEVELS.index(granted) >= LEVELS.index(level)


def admit(world: World, header: str, full_name: str, service: str) -> tuple[Repository, Pusher]:
    """Return the repository and who asks, or refuse as GitHub's git server does."""
    where = world.repository(full_name)
    if where is None:
        moved = world.state.repositories.get(world.state.former_names.get(full_name.lower(), 0))
        where = moved
    challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
    password = password_of(header)
    if password is None:
        if where is not None and not where.private and service == "git-upload-pack":
            return where, Pusher(None, None)
        raise RefusedError(401, "No anonymous write access.", headers=challenge)
    try:
        token, installation = token_of(world, password)
    except RefusedError as refused:
        if refused.status == 401:
            raise RefusedError(401, "Invalid username or token.", headers=challenge) from refused
        raise
    pusher = Pusher(token, installation, password)
    if where is None or not (reaches(token, installation, where) or not where.private):
        raise RefusedError(404, "Repository not found.")
    bot = world.state.accounts[world.state.apps[installation.app_id].bot_id].login
    full = world.full_name(where)
    if service == "git-receive-pack":
        if not reaches(token, installation, where) or not pusher.permits("contents", "write"):
            raise RefusedError(403, f"Permission to {full}.git denied to {bot}.")
        if where.archived:
            raise RefusedError(403, "This repository was archived so it is read-only.")
    elif where.private and not pusher.permits("contents", "read"):
        raise RefusedError(403, "Write access to repository not granted.")
    return where, pusher


async def advertise(bare: BareRepository, service: str, protocol: str) -> bytes:
    """Return the refs as a client asks for them first."""
    name = service.removeprefix("git-")
    fetching = service == "git-upload-pack"
    extra = {"GIT_PROTOCOL": protocol} if protocol and fetching else {}
    shown = await _run(bare, [name, "--stateless-rpc", "--http-backend-info-refs", str(bare.path)], b"", extra)
    if fetching and "version=2" in protocol:
        return shown
    return packet(f"# service={service}\n".encode()) + b"0000" + shown


async def upload_pack(bare: BareRepository, body: bytes, protocol: str) -> bytes:
    """Answer a fetch."""
    extra = {"GIT_PROTOCOL": protocol} if protocol else {}
    return await _run(bare, ["upload-pack", "--stateless-rpc", str(bare.path)], body, extra)


async def _run(bare: BareRepository, arguments: list[str], body: bytes, extra: dict[str, str]) -> bytes:
    process = await asyncio.create_subprocess_exec(
        GIT,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment() | extra,
        cwd=bare.path,
    )
    out, problem = await process.communicate(body)
    if process.returncode and not out:
        raise RefusedError(500, problem.decode(errors="replace").strip() or "git failed")
    return out


def inflate(body: bytes, encoding: str) -> bytes:
    """Return a request body as it was before compression, within bounds."""
    if encoding not in ("gzip", "x-gzip"):
        return body
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(body, LARGEST)
    except zlib.error as problem:
        raise RefusedError(400, "The body is not gzip.") from problem
    if reader.unconsumed_tail:
        raise RefusedError(413, "Payload Too Large")
    return plain


def packet(data: bytes) -> bytes:
    """Return a pkt-line."""
    return f"{len(data) + 4:04x}".encode() + data


def _parse(body: bytes) -> tuple[list[Command], set[str], bytes]:
    """Read the commands, the client's capabilities and the pack."""
    commands: list[Command] = []
    capabilities: set[str] = set()
    at = 0
    while True:
        try:
            size = int(body[at : at + 4], 16)
        except ValueError as problem:
            raise RefusedError(400, "Not a push.") from problem
        if size == 0:
            return commands, capabilities, body[at + 4 :]
        line, _, told = body[at + 4 : at + size].rstrip(b"\n").partition(b"\0")
        capabilities |= set(told.decode().split())
        parts = line.decode(errors="replace").split(" ", 2)
        if size < 4 or len(parts) != 3:
            raise RefusedError(400, "Not a push.")
        commands.append(Command(*parts))
        at += size


def receive_pack(world: World, where: Repository, pusher: Pusher, body: bytes) -> bytes:
    """Take a push in and return the report; refs that are refused say why in GitHub's words."""
    commands, capabilities, pack = _parse(body)
    if not commands:
        return b""
    if pusher.installation is None:
        raise RefusedError(401, "No anonymous write access.")
    bare, by = world.bare(where), world.bot(world.state.apps[pusher.installation.app_id])
    notes: list[str] = []
    with world.change():
        unpacked = _unpack(bare, pack)
        verdicts = ["unpacker error" if unpacked else _judge(world, where, pusher, one, notes) for one in commands]
        if "atomic" in capabilities and any(verdicts):
            verdicts = [why or "atomic push failure" for why in verdicts]
        for index, (one, why) in enumerate(zip(commands, verdicts, strict=True)):
            if not why:
                verdicts[index] = _move(world, where, bare, one, by)
    lines = [packet(f"unpack {unpacked or 'ok'}\n".encode())]
    for one, why in zip(commands, verdicts, strict=True):
        lines.append(packet((f"ng {one.ref} {why}\n" if why else f"ok {one.ref}\n").encode()))
    report = b"".join([*lines, b"0000"])
    if "side-band-64k" not in capabilities:
        return report
    told = [packet(b"\x02" + f"{line}\n".encode()) for line in notes]
    data = [packet(b"\x01" + report[at : at + 60_000]) for at in range(0, len(report), 60_000)]
    return b"".join([*told, *data, b"0000"])


def _unpack(bare: BareRepository, pack: bytes) -> str:
    if not pack:
        return ""
    try:
        bare.run("index-pack", "--stdin", "--fix-thin", "--strict", stdin=pack)
    except CommandError as problem:
        return str(problem).strip().splitlines()[-1]
    return ""


def _judge(world: World, where: Repository, pusher: Pusher, one: Command, notes: list[str]) -> str:
    """Return why a ref may not move, "" when it may."""
    bare, branch = world.bare(where), one.ref.removeprefix("refs/heads/")
    if one.ref.startswith("refs/pull/"):
        return "deny updating a hidden ref"
    if not SAFE_REF.fullmatch(one.ref):
        return "funny refname"
    if one.new == ZERO and branch == where.default_branch:
        notes.append(f"error: refusing to delete the current branch: {one.ref}")
        return "deletion of the current branch prohibited"
    for rule in where.protections:
        if rule.branch in (branch, "*"):
            notes += [line.replace("{ref}", one.ref) for line in rule.lines]
            return rule.reason
    if one.new == ZERO:
        return ""
    try:
        bare.run("rev-list", "--objects", "--quiet", one.new, "--not", "--all")
    except CommandError:
        return "missing necessary objects"
    if pusher.permits("workflows", "write"):
        return ""
    changed = bare.run("log", "-m", "--format=", "--name-only", "-z", one.new, "--not", "--all", "--", WORKFLOWS)
    if paths := [path for path in changed.decode(errors="replace").split("\0") if path.strip()]:
        return (
            f"refusing to allow a GitHub App to create or update workflow `{paths[0].strip()}` "
            "without `workflows` permission"
        )
    return ""


def _move(world: World, where: Repository, bare: BareRepository, one: Command, by: Actor) -> str:
    try:
        bare.update(one.ref, one.new, one.old)
    except CommandError:
        return "failed to update ref"
    if one.old != one.new:
        pulls.branch_moved(world, where, one.ref, one.old, one.new, by)
    return ""
