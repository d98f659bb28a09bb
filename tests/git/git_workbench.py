"""What the tests of git share: plain git as a user has it, a runner without walls, and a bench to work at."""

import contextlib
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from github_app.core.confinement import Confinement, Ended, Ending, run
from github_app.errors import SandboxError
from github_app.git.export import TransportLimits, export
from github_app.git.importer import import_export
from github_app.git.mirror import Mirror
from github_app.git.removal import remove
from github_app.git.worktree import Confiner, open_run
from github_app.sandbox.registry import choose, sandbox_named

NOBODY = 65534
ME = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "someone",
    "GIT_AUTHOR_EMAIL": "someone@example.org",
    "GIT_COMMITTER_NAME": "someone",
    "GIT_COMMITTER_EMAIL": "someone@example.org",
}


def git(where, *args, check=True, **more):
    env = {**os.environ, **ME, **more}
    done = subprocess.run(["git", *args], cwd=where, env=env, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"git {args}: {done.stderr}")
    return done.stdout.strip()


def run_plainly(confinement):
    """Run without walls, as an account that cannot write what is ours when the tests are run by root."""
    began = time.monotonic()
    bounds = confinement.bounds
    drop = {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if os.geteuid() == 0 else {}
    with confinement.stdout.open("ab") as out, confinement.stderr.open("ab") as err:
        with subprocess.Popen(
            confinement.argv,
            cwd=confinement.cwd,
            env=dict(confinement.env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=err,
            start_new_session=True,
            **drop,
        ) as process:
            try:
                said, _ = process.communicate(confinement.stdin, timeout=bounds.wall_seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                return Ended(ending=Ending.WALL, exit_code=None, seconds=time.monotonic() - began)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
        out.write(said[: bounds.output_bytes])
        if len(said) > bounds.output_bytes:
            return Ended(ending=Ending.OUTPUT, exit_code=None, seconds=time.monotonic() - began)
    code = process.returncode
    ending = Ending.EXITED if code >= 0 else Ending.SIGNALLED
    return Ended(ending=ending, exit_code=code, seconds=time.monotonic() - began)


def best_confiner():
    """Return the strongest sandbox that works here, else none at all."""
    try:
        sandbox, _ = choose(None)
    except SandboxError:
        return plain_confiner()
    return Confiner(run=partial(run, sandbox), adopt=sandbox.adopt, reclaim=sandbox.reclaim)


def quick_confiner():
    """Return what keeps the mirror safe at the least cost: another account where we may become one, else a wall."""
    return plain_confiner() if os.geteuid() == 0 else best_confiner()


def plain_confiner():
    sandbox = sandbox_named("none")
    return Confiner(run=run_plainly, adopt=sandbox.adopt, reclaim=sandbox.reclaim)


@contextlib.contextmanager
def a_place():
    """Make a directory that the account of confined code can walk through, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="remit-git-"))
    path.chmod(0o711)
    yield path
    remove(path)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One mirror with runs on it, as a worker would use them."""

    place: Path
    mirror: Mirror
    base: str
    confiner: Confiner
    limits: TransportLimits

    @property
    def work_dir(self):
        return self.place / "work"

    def open(self, run_id="7", branch="remit/docs/1-7", base=None):
        return open_run(
            mirror=self.mirror,
            work_dir=self.work_dir,
            run_id=run_id,
            branch=branch,
            base=base or self.base,
            confiner=self.confiner,
        )

    def agent(self, run, script):
        """Let a shell script work in the tree, as the agent would."""
        said = run.log / "agent"
        ended = self.confiner.run(
            Confinement(
                argv=("sh", "-c", script),
                cwd=run.tree,
                stdout=said,
                stderr=run.log / "agent.err",
                readable=run.readable,
                writable=run.writable,
                env=run.env,
            )
        )
        return ended, said.read_text() + (run.log / "agent.err").read_text()

    def take(self, run):
        """Export and import what is in the tree."""
        return import_export(self.mirror, export(run, self.confiner, self.limits), run.base, self.limits)
