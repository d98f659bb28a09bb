"""The command adapter: what it gives a program, and what it makes of what comes back."""

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from github_app.agents.contract import AgentJob, AgentOutcome, Purpose
from github_app.agents.handed_back import last_lines, plain, read_bounded, read_tail
from github_app.agents.registry import ADAPTERS, adapter_named
from github_app.core.confinement import Bounds, Ended, Ending
from github_app.errors import SandboxError, UsageError
from github_app.sandbox.registry import choose


@pytest.fixture
def place():
    path = Path(tempfile.mkdtemp(prefix="remit-test-"))
    path.chmod(0o711)
    (path / "tree").mkdir()
    (path / "scratch").mkdir()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def job(place):
    return AgentJob(
        purpose=Purpose.WORK,
        brief="Please fix the café.\n",
        argv=("agent", "--fast"),
        tree=place / "tree",
        scratch=place / "scratch",
        stdout=place / "stdout",
        stderr=place / "stderr",
        search_path="/usr/bin:/bin",
        bounds=Bounds(wall_seconds=20),
    )


@pytest.fixture(scope="module")
def sandbox():
    try:
        return choose("auto")[0]
    except SandboxError as error:
        pytest.skip(str(error))


def perform(sandbox, job, script):
    """Run a shell script as the agent, the way a worker does."""
    agent = adapter_named("command")
    confinement = agent.confinement(replace(job, argv=("sh", "-c", script)))
    for directory in (job.tree, job.scratch):
        sandbox.adopt(directory)
    ended = sandbox.start(confinement).wait(30)
    result = agent.read(job, ended)
    for directory in (job.tree, job.scratch):
        sandbox.reclaim(directory)
    return result


def ended_with(ending, code=None, note=""):
    return Ended(ending=ending, exit_code=code, seconds=1.0, note=note)


def test_the_registry_knows_each_adapter_by_its_own_name():
    assert {name: adapter.name for name, adapter in ADAPTERS.items()} == {name: name for name in ADAPTERS}
    with pytest.raises(UsageError, match="no agent adapter named 'ghost'"):
        adapter_named("ghost")


def test_p20_the_environment_is_the_allow_list_and_nothing_else(job):
    confinement = adapter_named("command").confinement(replace(job, env={"MODEL": "small"}))
    scratch = job.scratch
    assert dict(confinement.env) == {
        "HOME": f"{scratch}/home",
        "TMPDIR": f"{scratch}/tmp",
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PAGER": "cat",
        "REMIT_BRIEF": f"{scratch}/brief.md",
        "REMIT_PURPOSE": "work",
        "REMIT_SUMMARY": f"{scratch}/out/summary.md",
        "MODEL": "small",
    }


def test_a_review_gets_a_file_for_its_findings_too(job):
    confinement = adapter_named("command").confinement(replace(job, purpose=Purpose.REVIEW))
    assert confinement.env["REMIT_REVIEW"] == f"{job.scratch}/out/review.json"


def test_a_job_cannot_overwrite_the_adapters_own_variables(job):
    with pytest.raises(UsageError, match="may not set PATH"):
        adapter_named("command").confinement(replace(job, env={"PATH": "/evil"}))


def test_without_a_program_in_policy_there_is_nothing_to_run(job):
    with pytest.raises(UsageError, match="names no program for review"):
        adapter_named("command").confinement(replace(job, argv=(), purpose=Purpose.REVIEW))


def test_the_confinement_names_exactly_the_jobs_paths_and_bounds(job, place):
    extra = (place / "mirror",)
    confinement = adapter_named("command").confinement(replace(job, extra_readable=extra, connect=(4000,)))
    assert confinement.argv == ("agent", "--fast")
    assert confinement.cwd == job.tree
    assert confinement.writable == (job.tree, job.scratch)
    assert (confinement.readable, confinement.connect, confinement.bounds) == (extra, (4000,), job.bounds)
    assert confinement.stdin == job.brief.encode()


ENDINGS = [
    (ended_with(Ending.EXITED, 0), AgentOutcome.DONE),
    (ended_with(Ending.EXITED, 3), AgentOutcome.BLOCKED),
    (ended_with(Ending.EXITED, 1), AgentOutcome.FAILED),
    (ended_with(Ending.SIGNALLED, note="SIGSEGV"), AgentOutcome.CRASHED),
    (ended_with(Ending.NOT_STARTED, note="agent is not installed"), AgentOutcome.NOT_INSTALLED),
    (ended_with(Ending.WALL), AgentOutcome.TIMED_OUT),
    (ended_with(Ending.SILENCE), AgentOutcome.SILENT),
    (ended_with(Ending.OUTPUT), AgentOutcome.TOO_MUCH_OUTPUT),
    (ended_with(Ending.MEMORY), AgentOutcome.TOO_MUCH_MEMORY),
    (ended_with(Ending.DISK), AgentOutcome.TOO_MUCH_DISK),
    (ended_with(Ending.CANCELLED), AgentOutcome.CANCELLED),
    (ended_with(Ending.LEASE), AgentOutcome.LEASE_LOST),
    (ended_with(Ending.BROKEN, note="the guard died"), AgentOutcome.BROKEN),
]


@pytest.mark.parametrize(("ended", "outcome"), ENDINGS)
def test_f28_every_ending_has_an_outcome_of_its_own_and_a_sentence(job, ended, outcome):
    result = adapter_named("command").read(job, ended)
    assert result.outcome is outcome
    assert result.sentence[0].isupper()
    assert (result.turns, result.tokens, result.cost_usd) == (None, None, None)


def test_every_ending_is_covered_by_that_table():
    assert {ended.ending for ended, _ in ENDINGS} == set(Ending)
    assert len({outcome for _, outcome in ENDINGS}) == len(ENDINGS)


def test_what_was_not_the_agents_doing_is_retried_without_spending_an_attempt():
    for outcome in (AgentOutcome.BROKEN, AgentOutcome.LEASE_LOST, AgentOutcome.PROVIDER_LIMIT):
        assert (outcome.retryable, outcome.spends_attempt) == (True, False)
    for outcome in (AgentOutcome.DONE, AgentOutcome.BLOCKED, AgentOutcome.CANCELLED, AgentOutcome.NOT_INSTALLED):
        assert not outcome.retryable


def test_a_real_agent_reads_its_brief_both_ways_and_changes_the_tree(sandbox, job):
    result = perform(sandbox, job, 'cat > from-stdin; cp "$REMIT_BRIEF" from-file; pwd; echo "all fixed"')
    assert (result.outcome, result.sentence) == (AgentOutcome.DONE, "The agent says it is done.")
    assert (job.tree / "from-stdin").read_text() == job.brief
    assert (job.tree / "from-file").read_text() == job.brief
    assert result.summary == f"{job.tree}\nall fixed"


def test_a_real_agent_has_a_home_and_a_place_for_temporary_files(sandbox, job):
    result = perform(sandbox, job, 'echo x > "$HOME/a" && mktemp > /dev/null && echo "$REMIT_PURPOSE"')
    assert (result.outcome, result.summary) == (AgentOutcome.DONE, "work")


def test_a_blocked_agent_gives_its_reason_as_its_last_line(sandbox, job):
    result = perform(sandbox, job, "echo thinking; printf '\\033[31mthe test data is missing\\033[0m\\n'; exit 3")
    assert (result.outcome, result.sentence) == (
        AgentOutcome.BLOCKED,
        "The agent is blocked: the test data is missing",
    )


def test_a_failed_agents_last_words_are_in_the_sentence(sandbox, job):
    result = perform(sandbox, job, "echo 'no such model.' >&2; exit 7")
    assert (result.outcome, result.sentence) == (
        AgentOutcome.FAILED,
        "The agent ended with exit code 7: no such model.",
    )


def test_the_summary_file_wins_over_what_was_printed(sandbox, job):
    result = perform(sandbox, job, 'echo noise; printf "Fixed it.\\n\\nBy hand.\\n" > "$REMIT_SUMMARY"')
    assert result.summary == "Fixed it.\n\nBy hand."


def test_a_review_hands_back_its_findings_in_the_file_or_on_its_output(sandbox, job):
    review = replace(job, purpose=Purpose.REVIEW)
    assert perform(sandbox, review, """echo noise; echo '{"findings": []}' > "$REMIT_REVIEW" """).findings_json == (
        '{"findings": []}'
    )
    printed = adapter_named("command").read(replace(review, scratch=job.scratch / "gone"), ended_with(Ending.EXITED, 0))
    assert printed.findings_json == "noise"


@pytest.mark.parametrize("trick", ["ln -s /etc/shadow", "ln -s ../../stdout", "mkfifo", "mkdir"])
def test_t20_a_summary_that_is_not_a_plain_file_is_not_read(sandbox, job, trick):
    result = perform(sandbox, job, f'{trick} "$REMIT_SUMMARY" && echo printed')
    assert (result.outcome, result.summary) == (AgentOutcome.DONE, "printed")


def test_t20_a_swapped_output_directory_is_not_followed(sandbox, job, place):
    (place / "other").mkdir()
    (place / "other/summary.md").write_text("canary")
    result = perform(sandbox, job, f"rmdir ../scratch/out && ln -s {place}/other ../scratch/out && echo printed")
    assert result.summary == "printed"


def test_t20_a_ten_gigabyte_summary_is_read_to_its_limit_only(place):
    with (place / "big").open("wb") as file:
        os.truncate(file.fileno(), 10 << 30)
    assert len(read_bounded(place, "big", 1000)) == 1000
    assert len(read_tail(place / "big", 1000)) == 1000


def test_t37_terminal_sequences_and_control_characters_are_taken_out():
    text = (
        "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ a\x00b\x08c\x9b\r\nd\re\x1bM\x1b"
    )
    assert plain(text) == "red link abc\nd\ne"


def test_only_the_last_lines_that_say_something_are_kept():
    assert last_lines("one\n\ntwo\n   \nthree\n\n", 2, 100) == "two\nthree"
    assert last_lines("x" * 500, 5, 100) == "x" * 100


def test_a_missing_log_is_empty_and_not_an_error(place):
    assert read_tail(place / "missing", 10) == ""
    assert read_bounded(place / "missing", "file", 10) is None
