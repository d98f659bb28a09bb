"""The generic adapter: any program that reads a brief and changes files.

The program starts in the tree, with the brief on standard input and in the file named by $REMIT_BRIEF. It may leave a
summary for people in the file named by $REMIT_SUMMARY, and a review leaves its findings, as JSON, in the file named by
$REMIT_REVIEW or prints them. It says how it went by its exit code: 0 done; 3 blocked, with the reason as the last line
it prints; anything else failed. There is no network but the loopback ports it was given.

Its environment is exactly HOME, TMPDIR, PATH, LANG, the REMIT_ variables named here, git's three below and what the
job adds.
"""

from typing import ClassVar, assert_never

from github_app.agents.contract import AgentJob, AgentOutcome, AgentResult, Purpose
from github_app.agents.handed_back import last_lines, plain, read_bounded, read_tail
from github_app.core.confinement import Confinement, Ended, Ending
from github_app.errors import UsageError

EXIT_BLOCKED = 3
SUMMARY_CHARACTERS = 4000
SUMMARY_LINES = 40
FINDINGS_BYTES = 256_000
_SENTENCE_CHARACTERS = 300


class CommandAgent:
    """Any program, by the convention above."""

    name: ClassVar[str] = "command"

    def confinement(self, job: AgentJob) -> Confinement:
        """Write the brief and return how to run the program. Raises UsageError when policy names no program."""
        if not job.argv:
            raise UsageError(
                f"policy names no program for {job.purpose}",
                hint="set agent.command (and agent.review) in the policy",
            )
        for name in ("home", "tmp", "out"):
            (job.scratch / name).mkdir(mode=0o700)
        brief = job.scratch / "brief.md"
        brief.write_text(job.brief, encoding="utf-8")
        own = {
            "HOME": str(job.scratch / "home"),
            "TMPDIR": str(job.scratch / "tmp"),
            "PATH": job.search_path,
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_PAGER": "cat",
            "REMIT_BRIEF": str(brief),
            "REMIT_PURPOSE": job.purpose,
            "REMIT_SUMMARY": str(job.scratch / "out" / "summary.md"),
        }
        if job.purpose is Purpose.REVIEW:
            own["REMIT_REVIEW"] = str(job.scratch / "out" / "review.json")
        taken = own.keys() & job.env.keys()
        if taken:
            raise UsageError(f"a job may not set {', '.join(sorted(taken))} for its agent")
        return Confinement(
            argv=job.argv,
            cwd=job.tree,
            stdout=job.stdout,
            stderr=job.stderr,
            readable=job.extra_readable,
            writable=(job.tree, job.scratch, *job.extra_writable),
            env=own | dict(job.env),
            stdin=job.brief.encode(),
            connect=job.connect,
            bounds=job.bounds,
        )

    def read(self, job: AgentJob, ended: Ended) -> AgentResult:
        """Judge the run by how it ended, and collect what it left for people."""
        printed = read_tail(job.stdout, FINDINGS_BYTES)
        outcome, sentence = judge(job, ended, printed)
        written = read_bounded(job.scratch / "out", "summary.md", 4 * SUMMARY_CHARACTERS)
        if written is not None and written.strip():
            summary = plain(written).strip()[:SUMMARY_CHARACTERS]
        else:
            summary = last_lines(printed, SUMMARY_LINES, SUMMARY_CHARACTERS)
        return AgentResult(
            outcome=outcome, sentence=sentence, summary=summary, findings_json=self._findings(job, printed)
        )

    def _findings(self, job: AgentJob, printed: str) -> str | None:
        if job.purpose is not Purpose.REVIEW:
            return None
        written = read_bounded(job.scratch / "out", "review.json", FINDINGS_BYTES)
        found = (written if written is not None else printed).strip()
        return found or None


def judge(job: AgentJob, ended: Ended, printed: str) -> tuple[AgentOutcome, str]:
    """Return the outcome of a run and a sentence for people."""
    bounds, program = job.bounds, job.argv[0]
    match ended.ending:
        case Ending.EXITED if ended.exit_code == 0:
            return AgentOutcome.DONE, "The agent says it is done."
        case Ending.EXITED if ended.exit_code == EXIT_BLOCKED:
            reason = last_lines(printed, 1, _SENTENCE_CHARACTERS)
            return AgentOutcome.BLOCKED, f"The agent is blocked: {reason or 'it gave no reason'}"
        case Ending.EXITED:
            last = last_lines(read_tail(job.stderr, _SENTENCE_CHARACTERS * 4), 1, _SENTENCE_CHARACTERS)
            return (
                AgentOutcome.FAILED,
                f"The agent ended with exit code {ended.exit_code}{': ' if last else ''}{last.rstrip('.')}.",
            )
        case Ending.SIGNALLED:
            return AgentOutcome.CRASHED, f"The agent crashed ({ended.note})."
        case Ending.NOT_STARTED:
            return AgentOutcome.NOT_INSTALLED, f"The agent {program} could not be started: {ended.note}."
        case Ending.WALL:
            return AgentOutcome.TIMED_OUT, f"The agent was stopped after {_time(bounds.wall_seconds)}."
        case Ending.SILENCE:
            return (
                AgentOutcome.SILENT,
                f"The agent was stopped: it printed nothing for {_time(bounds.silence_seconds)}.",
            )
        case Ending.OUTPUT:
            return (
                AgentOutcome.TOO_MUCH_OUTPUT,
                f"The agent was stopped: it printed over {bounds.output_bytes:,} bytes.",
            )
        case Ending.MEMORY:
            return (
                AgentOutcome.TOO_MUCH_MEMORY,
                f"The agent was stopped: over {bounds.memory_bytes >> 20:,} MiB of memory.",
            )
        case Ending.DISK:
            return AgentOutcome.TOO_MUCH_DISK, f"The agent was stopped: over {bounds.disk_bytes >> 20:,} MiB on disk."
        case Ending.CANCELLED:
            return AgentOutcome.CANCELLED, "The agent was stopped on request."
        case Ending.LEASE:
            return AgentOutcome.LEASE_LOST, "The agent was stopped: its worker no longer answered for it."
        case Ending.BROKEN:
            return AgentOutcome.BROKEN, f"The sandbox failed, so the result does not count: {ended.note}."
        case _:
            assert_never(ended.ending)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "no time"
    return f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"
