"""How an agent's run can end, and what the issue is told of it."""

import pytest
from world import POLICY

from github_app.core.names import State
from github_app.store import view

GOOD = 'Path("docs/page.md").write_text("A page.\\n")\n'
REVIEWS = 'if purpose == "review":\n    review([])\n'


@pytest.fixture
def asked(world):
    """Give the agent a script, ask for a page, and let the run and its retries happen."""

    def ask(script, **given):
        world.program(REVIEWS + script)
        number = world.open(**{"labels": ("documentation", "remit"), **given})
        world.run()
        for _ in range(3):
            world.much_later(60)
        assert world.clean() == []
        return number

    return ask


def outcomes(world, number):
    return [attempt.outcome for attempt in view.attempts(world.db, world.task(number).id)]


def test_the_same_failure_twice_in_a_row_ends_the_task_and_is_told_once(world, asked):
    number = asked('print("no"); sys.stderr.write("I cannot.\\n"); sys.exit(1)')

    assert outcomes(world, number) == ["failed", "failed"]
    assert world.task(number).state == State.FAILED
    assert world.labels(number) == ["remit:failed"]
    assert sum("**This could not be done.**" in body for body in world.said(number)) == 1
    assert "exit code 1: I cannot." in world.said(number)[-1]
    assert world.pulls == ()

    world.program(REVIEWS + GOOD)
    world.comment(number, "/remit retry", by="reviewer")
    world.run()
    assert [task.state for task in world.tasks(number)] == [State.FAILED, State.IN_REVIEW]
    assert world.labels(number) == ["remit:in-review"]


def test_another_failure_and_then_a_success_is_a_success_from_a_fresh_tree(world):
    world.program(REVIEWS + 'Path("docs/left.md").write_text("x"); sys.exit(1)')
    number = world.open(labels=("documentation", "remit"))
    world.run()
    assert (world.task(number).state, world.labels(number)) == (State.RETRYABLE, ["remit:queued"])
    assert "docs/left.md" in world.patches()
    world.program(REVIEWS + "os.kill(os.getpid(), 9)")
    world.much_later(60)
    assert world.task(number).state == State.RETRYABLE
    world.program(REVIEWS + 'assert not Path("docs/left.md").exists()\n' + GOOD)
    world.comment(number, "/remit retry", by="maintainer")
    world.run()

    assert outcomes(world, number) == ["failed", "crashed", "done"]
    assert world.task(number).state == State.IN_REVIEW
    assert world.patches() == "", "what is published needs no patch any more"


@pytest.mark.parametrize(
    ("script", "outcome", "told"),
    [
        ("leave('It is all said already.')", "no_change", "It is all said already."),
        ('print("I need a licence."); sys.exit(3)', "blocked", "I need a licence."),
        ("os.kill(os.getpid(), 11)", "crashed", "crashed"),
        ("print('x' * 40_000); time.sleep(30)", "too_much_output", "printed over 20,000 bytes"),
        ("time.sleep(60)", "timed_out", "stopped after 6 seconds"),
    ],
)
def test_every_other_end_has_its_own_word_and_is_told_in_a_sentence(world, asked, script, outcome, told):
    world.set_policy(POLICY + "limits: {minutes: 0.1, output_bytes: 20000}\nretries: 0\n")
    number = asked(script)

    assert [outcome] == outcomes(world, number)
    assert world.task(number).state == State.FAILED
    assert [f"attempt.{outcome}"] == world.reasons(number)[-1:]
    assert told in world.said(number)[-1]
    assert world.pulls == ()


def test_an_agent_that_is_not_installed_is_named(world, asked):
    world.agent.unlink()
    world.server_says("agent: {adapter: command, command: [no-such-program], review: [no-such-program]}\n")
    number = world.open(labels=("documentation", "remit"))
    world.run()

    assert outcomes(world, number) == ["not_installed"]
    assert "no-such-program could not be started" in world.said(number)[-1]


COMMITS = """
import subprocess
subprocess.run(['git', 'add', '-A'], check=True)
subprocess.run(['git', '-c', 'user.name=x', '-c', 'user.email=x@y', 'commit', '-qm', 'mine, closes #9'], check=True)
"""


@pytest.mark.parametrize("commits", ["", COMMITS])
def test_one_commit_of_ours_is_pushed_whether_the_agent_committed_or_forgot_to(world, asked, commits):
    asked(GOOD + commits)

    (pull,) = world.pulls
    (message,) = world.hub.repository(world.place).messages(pull.pull.head)[1:]
    assert "mine" not in message
    assert f"Remit-Task: {world.tasks()[0].id}\n" in message
    assert "Co-authored-by: maintainer <" in message
    assert world.hub.repository(world.place).file("docs/page.md", pull.pull.head) == b"A page.\n"


def test_a_critical_finding_is_labelled_and_noted_on_its_line(world, asked):
    script = GOOD + "print('nothing more')\n"
    finding = {"severity": "critical", "path": "docs/page.md", "line": 1, "sentence": "This is wrong, @everybody."}
    elsewhere = {"severity": "minor", "path": "docs/none.md", "line": 9, "sentence": "Not in the diff."}
    world.program(f"if purpose == 'review':\n    review({[finding, elsewhere]!r}, 'Closes #7')\n" + script)
    world.open(labels=("documentation", "remit"))
    world.run()

    (pull,) = world.pulls
    (review,) = pull.pull.reviews
    assert "needs-fix" in pull.labels
    assert review.state == "COMMENTED"
    assert "1 critical" in review.body
    assert "Not in the diff." in review.body
    assert "@everybody" not in review.body
    assert [note.path for note in pull.pull.review_comments] == ["docs/page.md"]


@pytest.mark.parametrize(
    "script", ["sys.exit(1)", "Path(os.environ['REMIT_REVIEW']).write_text('{'); sys.exit(0)", "sys.exit(0)"]
)
def test_a_reviewer_that_fails_leaves_a_note_and_the_pull_request_stands(world, script):
    world.program(f"if purpose == 'review':\n    {script}\n" + GOOD)
    number = world.open(labels=("documentation", "remit"))
    world.run()

    (pull,) = world.pulls
    assert world.task(number).state == State.IN_REVIEW
    assert "**The independent review could not be made:**" in pull.pull.reviews[0].body


def test_a_reviewer_cannot_change_what_is_published(world):
    world.program(
        "if purpose == 'review':\n    try:\n        Path('docs/page.md').write_text('Changed.')\n"
        "    except OSError as error:\n        review([], f'refused: {error.strerror}')\n    review([], 'it let me')\n"
        + GOOD
    )
    world.open(labels=("documentation", "remit"))
    world.run()

    (pull,) = world.pulls
    assert "refused: " in pull.pull.reviews[0].body
    assert world.hub.repository(world.place).file("docs/page.md", pull.pull.head) == b"A page.\n"
