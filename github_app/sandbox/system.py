"""What of this machine every run may read: programs, libraries and the little configuration they need.

An allow-list. Not in it: home directories, /root, /var, /run, /tmp, /proc (but some
facts about the machine), /etc/shadow, /etc/gitconfig (so set
GIT_CONFIG_NOSYSTEM=1), anything of Remit. A run gets HOME and TMPDIR from its caller, inside a writable path.
"""

import os
import sys
from pathlib import Path

from github_app.errors import SandboxError
from github_app.sandbox.account import Account

PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32")
CONFIGURATION = tuple(
    f"/etc/{name}"
    for name in (
        "alternatives",
        "ca-certificates",
        "debian_version",
        "group",
        "host.conf",
        "hosts",
        "ld.so.cache",
        "ld.so.conf",
        "ld.so.conf.d",
        "localtime",
        "magic",
        "mime.types",
        "nsswitch.conf",
        "os-release",
        "passwd",
        "pki/tls/certs",
        "protocols",
        "services",
        "ssl/certs",
        "ssl/openssl.cnf",
        "terminfo",
        "timezone",
    )
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
KERNEL_FACTS = ("/proc/cpuinfo", "/proc/loadavg", "/proc/meminfo", "/proc/stat", "/proc/version")
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def existing(paths: tuple[str, ...]) -> tuple[Path, ...]:
    """Return those of the paths that this machine has."""
    return tuple(Path(path) for path in paths if Path(path).exists())


def own_python(account: Account) -> Path | None:
    """Return the installation Remit's own interpreter belongs to, when the account can reach it and lacks it yet."""
    prefix = Path(sys.base_prefix).resolve()
    ordinary = any(prefix.is_relative_to(place) for place in PROGRAMS)
    if ordinary or prefix == Path("/") or not _reachable(_base_interpreter(), account):
        return None
    return prefix


def system_paths(account: Account) -> tuple[Path, ...]:
    """Return everything of the machine that a run may read, besides devices."""
    own = own_python(account)
    return (*existing(PROGRAMS), *existing(CONFIGURATION), *(() if own is None else (own,)))


def search_path(account: Account) -> str:
    """Return the PATH of a run: the system's, and before it that of Remit's own interpreter where it is reachable."""
    own = own_python(account)
    return SEARCH_PATH if own is None else f"{own / 'bin'}:{SEARCH_PATH}"


def interpreter(account: Account) -> Path:
    """Return a python3 that a run can start. Raises SandboxError when this machine has none within reach."""
    candidates = (_base_interpreter(), Path("/usr/local/bin/python3"), Path("/usr/bin/python3"))
    for candidate in candidates:
        if _reachable(candidate, account):
            return candidate
    raise SandboxError(
        f"no python3 is within reach of the account {account.name}: tried {', '.join(map(str, candidates))}",
        hint="install the system's python3, or run Remit with an interpreter outside any home directory",
    )


def _base_interpreter() -> Path:
    return Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"


def _reachable(program: Path, account: Account) -> bool:
    if not os.access(program, os.X_OK):
        return False
    return account.blocked_at(program) is None
