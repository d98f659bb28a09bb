"""What a guard is told and what it answers, as lines of JSON over pipes: never in an argument or a variable.

First line in: the order. Further lines in: `{"renew": seconds}` or `{"kill": true}`; the end of the pipe kills.
Lines out: `{"started": pid}` or `{"refused": sentence}`, then the ending, then the end of the pipe.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from github_app.core.confinement import Bounds, Confinement, Ended, Ending
from github_app.sandbox.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run as its guard sees it; descriptors are those the guard has inherited."""

    backend: str
    account: Account
    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    system: tuple[str, ...]
    readable: tuple[str, ...]
    writable: tuple[str, ...]
    connect: tuple[int, ...]
    bounds: Bounds
    stdin: bytes
    stdout_fd: int
    stderr_fd: int
    result_fd: int
    life_fd: int

    def to_line(self) -> bytes:
        """Return the order as the first line of the guard's input."""
        fields = asdict(self) | {"stdin": base64.b64encode(self.stdin).decode()}
        return json.dumps(fields).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Order":
        """Read an order back."""
        fields: dict[str, Any] = json.loads(line)
        for name in ("argv", "system", "readable", "writable", "connect"):
            fields[name] = tuple(fields[name])
        fields["stdin"] = base64.b64decode(fields["stdin"])
        fields["bounds"] = Bounds(**fields["bounds"])
        fields["account"] = Account(**fields["account"])
        return cls(**fields)


def order_for(
    backend: str,
    confinement: Confinement,
    account: Account,
    system: tuple[Path, ...],
    descriptors: Sequence[int],
) -> Order:
    """Return the order for a confinement; `descriptors` are those of stdout, stderr, the result pipe and the life pipe.

    A readable path inside a writable one is writable, on every backend: Landlock can only add powers.
    """
    writable = _outermost(confinement.writable)
    readable = tuple(
        path for path in _outermost(confinement.readable) if not any(path.is_relative_to(each) for each in writable)
    )
    stdout_fd, stderr_fd, result_fd, life_fd = descriptors
    return Order(
        backend=backend,
        account=account,
        argv=confinement.argv,
        cwd=str(confinement.cwd.resolve()),
        env=dict(confinement.env),
        system=tuple(map(str, system)),
        readable=tuple(map(str, readable)),
        writable=tuple(map(str, writable)),
        connect=confinement.connect,
        bounds=confinement.bounds,
        stdin=confinement.stdin,
        stdout_fd=stdout_fd,
        stderr_fd=stderr_fd,
        result_fd=result_fd,
        life_fd=life_fd,
    )


def ended_line(ended: Ended) -> bytes:
    """Return an ending as the guard writes it."""
    return json.dumps(asdict(ended)).encode() + b"\n"


def read_ended(fields: dict[str, Any]) -> Ended:
    """Read an ending back."""
    code, seconds = fields["exit_code"], fields["seconds"]
    return Ended(ending=Ending(fields["ending"]), exit_code=code, seconds=seconds, note=fields["note"])


def _outermost(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    real = sorted({path.resolve() for path in paths}, key=lambda path: (len(path.parts), str(path)))
    return tuple(path for path in real if not any(path != other and path.is_relative_to(other) for other in real))
