"""The proof: what Remit itself finds out about a result. Nothing here believes what the agent said.

Commands of the repository run in fresh worktrees, never in the agent's; a command that fails is run on the base before
it is blamed. A check that could not run is shown as that.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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
REPRODUCTION, TESTS_KEPT = "reproduction test", "tests kept"
NOT_A_COMMAND = frozenset({126, 127})  # https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html
_ODD = re.compile(r"[^A-Za-z0-9_.-]")
_GONE = "000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What is to be proved. `outgoing` is all that it adds, names included; `moved` was only renamed, unchanged."""

    head: Sha
    files: tuple[ChangedFile, ...]
    outgoing: bytes
    moved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # old path -> where the same content stands now


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one command did on one commit."""

    verdict: Verdict
    note: str = ""


def check_result(order: Order, shop: Workshop, live: LiveRun, result: Result) -> tuple[Check, ...]:
    """Return the whole proof of a result; commands are not run on what may not be published anyway."""
    policy = order.policy
    globs = policy.scopes.get(order.task.category, ())
    inside = matcher(globs) if globs else _anywhere
    guarded = matcher(policy.protected, fold_case=True)
    paths = check_paths(result.files, in_scope=inside, protected=guarded, size=policy.size)
    found = find_secrets(result.outgoing, shop.secrets())
    note = f"{', '.join(found)} found in the change" if found else ""
    secrets = Check(name=SECRETS, verdict=Verdict.FAILED if found else Verdict.PASSED, note=note)
    judged = (*paths, secrets)
    if any(not check.good for check in judged if check.name != "scope"):
        return judged
    return (*judged, *_tests_kept(order, result), *_commands(order, shop, live, result))


def _tests_kept(order: Order, result: Result) -> tuple[Check, ...]:
    """Check that no test went and none lost more lines than it got: a suite can be made green that way, too."""
    is_test = matcher(order.policy.scopes.get(TESTS, ()))
    touched = [file for file in result.files if file.old_mode != _GONE and is_test(file.path)]
    moved = {old for old, new in result.moved.items() if any(is_test(path) for path in new)}
    gone = [file.path for file in touched if file.new_mode == _GONE and file.path not in moved]
    shorter = [file.path for file in touched if file.new_mode != _GONE and file.removed > file.added]
    if not touched:
        return ()
    said = [f"{what} {', '.join(paths[:3])}" for what, paths in (("deletes", gone), ("shortens", shorter)) if paths]
    return (Check(name=TESTS_KEPT, verdict=Verdict.FAILED if said else Verdict.PASSED, note="; ".join(said)),)


def _commands(order: Order, shop: Workshop, live: LiveRun, result: Result) -> tuple[Check, ...]:
    commands = order.policy.checks.check
    if not commands:
        note = "no check commands are configured or were found"
        return (Check(name="checks", verdict=Verdict.COULD_NOT_RUN, note=note),)
    is_test = matcher(order.policy.scopes.get(TESTS, ()))
    tests = tuple(file.path for file in result.files if is_test(file.path) and file.new_mode != _GONE)
    reproduce = order.task.category == BUGFIX and bool(tests)
    after = _run_all(order, shop, live, result.head, "result", commands)
    failing = {name: argv for name, argv in commands.items() if after[name].verdict is not Verdict.PASSED}
    before = _run_all(order, shop, live, order.base, "base", commands if reproduce else failing)
    checks = [_judge(name, before.get(name), after[name]) for name in commands]
    if reproduce:
        checks.append(_reproduction(order, shop, live, result.head, tests, before, after))
    elif order.task.category == BUGFIX:
        checks.append(Check(name=REPRODUCTION, verdict=Verdict.FAILED, note="no test was added or changed"))
    if all(check.good and check.verdict is not Verdict.PASSED for check in checks):
        # What fails on the base too is not blamed; but a result that nothing passes on has not been shown to work.
        note = "no check passes on the result, so nothing was shown to work"
        checks.append(Check(name="checks", verdict=Verdict.COULD_NOT_RUN, note=note))
    return tuple(checks)


def _judge(name: str, before: Seen | None, after: Seen) -> Check:
    base = Verdict.PASSED if before is None else before.verdict
    note = f"passed on the base; now: {after.note}" if after.verdict is Verdict.FAILED else after.note
    return judge_command(name, before=base, after=after.verdict, note=note)


def _reproduction(
    order: Order,
    shop: Workshop,
    live: LiveRun,
    head: Sha,
    tests: tuple[str, ...],
    before: Mapping[str, Seen],
    after: Mapping[str, Seen],
) -> Check:
    """Check that the changed tests fail without the fix: they alone, on the base, must turn a passing command red."""
    green = [name for name, seen in before.items() if seen.verdict is Verdict.PASSED]
    if not green:
        note = "no check passes on the base, so a new failure there shows nothing"
        return Check(name=REPRODUCTION, verdict=Verdict.COULD_NOT_RUN, note=note)
    grafted = graft(order.mirror, f"{order.run_id}-graft", base=order.base, head=head, paths=tests)
    wanted = {name: order.policy.checks.check[name] for name in green}
    without_fix = _run_all(order, shop, live, grafted, "tests-on-base", wanted)
    shown = [
        name
        for name, seen in without_fix.items()
        if seen.verdict is Verdict.FAILED and after[name].verdict is Verdict.PASSED
    ]
    if shown:
        note = f"`{shown[0]}` fails with the new test on the base and passes with the fix"
        return Check(name=REPRODUCTION, verdict=Verdict.PASSED, note=note)
    if all(seen.verdict is Verdict.COULD_NOT_RUN for seen in without_fix.values()):
        return Check(name=REPRODUCTION, verdict=Verdict.COULD_NOT_RUN, note="no check could run on the base")
    return Check(name=REPRODUCTION, verdict=Verdict.FAILED, note="the changed tests do not fail without the fix")


def _run_all(
    order: Order, shop: Workshop, live: LiveRun, commit: Sha, part: str, commands: Mapping[str, tuple[str, ...]]
) -> dict[str, Seen]:
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
            ended = _command(order, shop, live, run, argv, log / _file_name(f"{part}.prepare.{name}"))
            if not ended.ok:
                note = f"`{name}`, which prepares it, failed: {_how(ended, order.policy.checks.minutes)}"
                return dict.fromkeys(commands, Seen(verdict=Verdict.COULD_NOT_RUN, note=note))
        return {
            name: _seen(_command(order, shop, live, run, argv, log / _file_name(f"{part}.{name}")), order)
            for name, argv in commands.items()
        }


def _file_name(name: str) -> str:
    """Return the name of a log; what a policy calls its commands must not lead out of the folder."""
    return _ODD.sub("_", name)[:100]


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


def _seen(ended: Ended, order: Order) -> Seen:
    """Judge an ended command; what a limit of ours stopped has failed, what never ran has not."""
    if ended.ok:
        return Seen(verdict=Verdict.PASSED)
    could_not = {Ending.NOT_STARTED, Ending.BROKEN, Ending.CANCELLED, Ending.LEASE}
    missing = ended.ending in could_not or (ended.ending is Ending.EXITED and ended.exit_code in NOT_A_COMMAND)
    how = _how(ended, order.policy.checks.minutes)
    return Seen(verdict=Verdict.COULD_NOT_RUN if missing else Verdict.FAILED, note=how)


def _how(ended: Ended, minutes: float) -> str:
    match ended.ending:
        case Ending.EXITED if ended.exit_code in NOT_A_COMMAND:
            return f"the program is missing or cannot be run (exit code {ended.exit_code})"
        case Ending.EXITED:
            return f"exit code {ended.exit_code}"
        case Ending.WALL:
            return f"stopped after {minutes:g} minutes"
        case Ending.NOT_STARTED:
            return "the program is missing or cannot be run"
        case Ending.MEMORY | Ending.DISK | Ending.OUTPUT | Ending.SILENCE:
            return f"stopped at its limit ({ended.ending})"
        case _:
            return f"it did not come to an end ({ended.ending})"


def _anywhere(_path: str) -> bool:
    return True
