"""The proof: what Remit itself finds out about a result. Nothing here believes what the agent said.

Commands of the repository run in fresh worktrees, never in the agent's; a command that fails is run on the base before
it is blamed. A check that could not run is shown as that.
"""

from collections.abc import Mapping
from pathlib import Path

from github_app.core.confinement import Bounds, Confinement, Ended, Ending
from github_app.core.names import Sha
from github_app.core.proof import SECRETS, ChangedFile, Check, Verdict, check_paths, judge_command
from github_app.core.secrets import find_secrets
from github_app.git.graft import graft
from github_app.git.worktree import Run, open_run
from github_app.policy.globs import matcher
from github_app.worker.live import LiveRun
from github_app.worker.workshop import Order, Workshop

BUGFIX, TESTS = "bugfix", "tests"
REPRODUCTION = "reproduction test"


def check_result(
    order: Order, shop: Workshop, live: LiveRun, head: Sha, files: tuple[ChangedFile, ...], patch: bytes, message: str
) -> tuple[Check, ...]:
    """Return the whole proof of a result; commands are not run on what may not be published anyway."""
    policy = order.policy
    globs = policy.scopes.get(order.task.category, ())
    inside = matcher(globs) if globs else _anywhere
    guarded = matcher(policy.protected, fold_case=True)
    paths = check_paths(files, in_scope=inside, protected=guarded, size=policy.size)
    found = find_secrets(patch + message.encode() + order.work.title.encode(), shop.secrets())
    note = f"{', '.join(found)} found in the change" if found else ""
    secrets = Check(name=SECRETS, verdict=Verdict.FAILED if found else Verdict.PASSED, note=note)
    judged = (*paths, secrets)
    if any(not check.good for check in judged if check.name != "scope"):
        return judged
    return (*judged, *_commands(order, shop, live, head, files))


def _commands(
    order: Order, shop: Workshop, live: LiveRun, head: Sha, files: tuple[ChangedFile, ...]
) -> tuple[Check, ...]:
    commands = order.policy.checks.check
    bugfix = order.task.category == BUGFIX
    if not commands:
        note = "no check commands are configured or were found"
        return (Check(name="checks", verdict=Verdict.COULD_NOT_RUN, note=note),)
    after = _run_all(order, shop, live, head, "result", commands)
    failing = {name: argv for name, argv in commands.items() if after[name] is not Verdict.PASSED}
    before = _run_all(order, shop, live, order.base, "base", commands if bugfix else failing)
    checks = [judge_command(name, before=before.get(name, Verdict.PASSED), after=after[name]) for name in commands]
    if bugfix:
        checks.append(_reproduction(order, shop, live, head, files, before, after))
    return tuple(checks)


def _reproduction(
    order: Order,
    shop: Workshop,
    live: LiveRun,
    head: Sha,
    files: tuple[ChangedFile, ...],
    before: Mapping[str, Verdict],
    after: Mapping[str, Verdict],
) -> Check:
    """Check that the changed tests fail without the fix: they alone, on the base, must turn a passing command red."""
    is_test = matcher(order.policy.scopes.get(TESTS, ()))
    tests = tuple(file.path for file in files if is_test(file.path) and file.new_mode != "000000")
    if not tests:
        return Check(name=REPRODUCTION, verdict=Verdict.FAILED, note="no test was added or changed")
    grafted = graft(order.mirror, f"{order.run_id}-graft", base=order.base, head=head, paths=tests)
    without_fix = _run_all(order, shop, live, grafted, "tests-on-base", order.policy.checks.check)
    seen = [
        name
        for name, verdict in without_fix.items()
        if verdict is Verdict.FAILED and before.get(name) is Verdict.PASSED and after[name] is Verdict.PASSED
    ]
    if seen:
        note = f"`{seen[0]}` fails with the new test on the base and passes with the fix"
        return Check(name=REPRODUCTION, verdict=Verdict.PASSED, note=note)
    if all(verdict is Verdict.COULD_NOT_RUN for verdict in without_fix.values()):
        return Check(name=REPRODUCTION, verdict=Verdict.COULD_NOT_RUN, note="no check could run on the base")
    return Check(name=REPRODUCTION, verdict=Verdict.FAILED, note="the changed tests do not fail without the fix")


def _run_all(
    order: Order, shop: Workshop, live: LiveRun, commit: Sha, part: str, commands: Mapping[str, tuple[str, ...]]
) -> dict[str, Verdict]:
    """Run commands one after the other in a fresh worktree of a commit, after the policy's prepare commands."""
    if not commands:
        return {}
    log = shop.logs / order.run_id
    with open_run(
        mirror=order.mirror,
        work_dir=shop.work_dir,
        run_id=f"{order.run_id}-{part}",
        branch=None,
        base=commit,
        confiner=shop.confiner(live),
    ) as run:
        for name, argv in order.policy.checks.prepare.items():
            if not _command(order, shop, live, run, argv, log / f"{part}.prepare.{name}").ok:
                return dict.fromkeys(commands, Verdict.COULD_NOT_RUN)
        return {
            name: _verdict(_command(order, shop, live, run, argv, log / f"{part}.{name}"))
            for name, argv in commands.items()
        }


def _command(order: Order, shop: Workshop, live: LiveRun, run: Run, argv: tuple[str, ...], log: Path) -> Ended:
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    limits = order.policy.limits
    return live.confined(
        Confinement(
            argv=argv,
            cwd=run.tree,
            stdout=log,
            stderr=log,
            readable=run.readable,
            writable=run.writable,
            env={**run.env, "PATH": shop.search_path},
            bounds=Bounds(
                wall_seconds=order.policy.checks.minutes * 60,
                silence_seconds=None,
                output_bytes=limits.output_bytes * 4,
                memory_bytes=limits.memory_megabytes << 20,
                processes=limits.processes,
            ),
        )
    )


def _verdict(ended: Ended) -> Verdict:
    if ended.ok:
        return Verdict.PASSED
    could_not = {Ending.NOT_STARTED, Ending.BROKEN, Ending.CANCELLED, Ending.LEASE}
    return Verdict.COULD_NOT_RUN if ended.ending in could_not or ended.exit_code in {126, 127} else Verdict.FAILED


def _anywhere(_path: str) -> bool:
    return True
