"""What Remit finds out itself about a result: what is never published, what becomes a draft, what is ready."""

import pytest
from world import BODY, POLICY

from github_app.core.names import State

REVIEWS = 'if purpose == "review":\n    review([])\n'
SECRET = "ghp_" + "A1b2C3d4" * 5


def ask(world, script, labels=("documentation", "remit"), **given):
    """Let the agent run a script for an issue, approved where it needs to be."""
    world.program(REVIEWS + script)
    number = world.open(labels=labels, **given)
    world.run()
    if world.task(number).state is State.HELD:
        world.comment(number, "/approve", by="reviewer")
        world.run()
    return number


def everything_public(world):
    """Every word of ours that anybody on GitHub could read."""
    hub = world.hub.repository(world.place)
    issues = (*hub.issues, *hub.pulls)
    said = [text for one in issues for text in (one.title, one.body, *(c.body for c in one.comments))]
    said += [r.body for one in hub.pulls for r in (*one.pull.reviews, *one.pull.review_comments)]
    return "\n".join([*said, *world.branches()])


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (
            "Path('.github/workflows').mkdir(parents=True); Path('.github/workflows/x.yml').write_text('on: push')",
            ".github",
        ),
        ("Path('CODEOWNERS').write_text('* @x')", "touches CODEOWNERS"),
        ("Path('docs/codeowners').write_text('* @x')", "protected paths"),
        ("Path('AGENTS.md').write_text('obey')", "AGENTS.md"),
        ("Path('.github/remit.yml').write_text('mode: active')", "protected paths"),
        ("os.symlink('/etc/passwd', 'docs/x.md')", "docs/x.md"),
        ("[Path(f'docs/{i}.md').write_text('x') for i in range(101)]", "101 files changed"),
        ("Path('docs/big.md').write_text('x' * 1_000_001)", "larger than"),
        (f"Path('docs/x.md').write_text({SECRET!r})", "a GitHub token found"),
        (f"Path('docs/x.md').write_text('x'); leave('It is {SECRET}')", "a GitHub token found in"),
    ],
)
def test_what_must_never_leave_this_machine_does_not(world, script, says):
    number = ask(world, script)

    assert world.task(number).state == State.FAILED
    assert world.report(number).outcome in {"unpublishable", "refused_tree"}
    assert says in world.said(number)[-1]
    assert world.pulls == ()
    assert world.branches() == []
    assert SECRET not in everything_public(world)
    assert world.clean() == []


def test_a_secret_of_this_server_is_recognised_in_any_usual_disguise(world):
    world.program(
        REVIEWS
        + f"import base64\nhidden = base64.b64encode(b'x' + {world.app.webhook_secret.encode()!r})\n"
        + "Path('docs/x.md').write_bytes(hidden)"
    )
    number = world.open(labels=("documentation", "remit"))
    world.run()

    assert "a secret of this server found" in world.said(number)[-1]
    assert world.pulls == ()


def test_what_is_out_of_scope_becomes_a_draft_that_says_so(world):
    number = ask(world, "Path('docs/a.md').write_text('A'); Path('widgets/new.py').write_text('x = 1\\n')")

    (pull,) = world.pulls
    assert pull.pull.draft
    assert "outside what this category may change: widgets/new.py" in pull.body
    assert "This is a draft because its proof did not pass" in pull.body
    assert world.task(number).state == State.IN_REVIEW


FIX = "Path('widgets/prices.py').write_text('def total(prices):\\n    return sum(prices)\\n')\n"
TEST = """
Path('tests/test_total.py').write_text(
    'import unittest\\nfrom widgets.prices import total\\n\\nclass Total(unittest.TestCase):\\n'
    '    def test_it_adds(self):\\n        self.assertEqual({}, total([1, 2]))\\n')
"""


@pytest.mark.parametrize(
    ("script", "draft", "note"),
    [
        (FIX + TEST.format(3), False, "fails with the new test on the base and passes with the fix"),
        (FIX, True, "no test was added or changed"),
        (FIX + TEST.format("total([1, 2])"), True, "the changed tests do not fail without the fix"),
        (TEST.format(3), True, "passed on the base; now:"),
    ],
)
def test_a_bug_fix_is_ready_only_with_a_test_that_fails_without_it(world, script, draft, note):
    ask(world, script, ("bug", "remit"), title="The total is wrong", body=BODY)

    (pull,) = world.pulls
    assert (draft, True) == (pull.pull.draft, note in pull.body)


def test_a_check_that_fails_on_the_base_too_is_shown_and_not_blamed(world):
    world.set_policy(POLICY + "    other: ['true']\n")
    world.push("main", {"tests/test_prices.py": "raise SystemExit(1)\n"}, "broken", "maintainer")
    ask(world, "Path('docs/a.md').write_text('A')")

    (pull,) = world.pulls
    assert "fails on the base too: not blamed" in pull.body
    assert not pull.pull.draft


def test_where_no_check_passes_nothing_was_shown_to_work(world):
    world.push("main", {"tests/test_prices.py": "raise SystemExit(1)\n"}, "broken", "maintainer")
    ask(world, "Path('docs/a.md').write_text('A')")

    (pull,) = world.pulls
    assert "nothing was shown to work" in pull.body
    assert pull.pull.draft


def test_without_check_commands_nothing_is_proven_and_it_stays_a_draft(world):
    world.set_policy("version: 1\nmode: active\n")
    ask(world, "Path('docs/a.md').write_text('A')")

    assert world.pulls[0].pull.draft
    assert "could not run" in world.pulls[0].body


def test_a_tests_issue_runs_at_once_and_may_only_touch_tests(world):
    number = ask(world, TEST.format(0).replace("[1, 2]", "[]"), ("tests", "remit"), title="Test no prices")

    (pull,) = world.pulls
    assert (world.task(number).category, str(world.task(number).tier)) == ("tests", "auto_safe")
    assert (False, f"remit/tests/{number}-{world.task(number).id}") == (pull.pull.draft, pull.pull.head)


def test_tests_that_are_deleted_make_it_a_draft(world):
    ask(world, FIX + TEST.format(3) + "os.unlink('tests/test_prices.py')", ("bug", "remit"), title="The total is wrong")

    assert world.pulls[0].pull.draft


def test_policy_may_ask_for_drafts_always(world):
    world.set_policy(POLICY + "pull_requests: {draft: always, close_issue: false}\n")
    number = ask(world, "Path('docs/a.md').write_text('A')")

    (pull,) = world.pulls
    assert pull.pull.draft
    assert f"For #{number}" in pull.body
    assert world.closes(pull.number) == []
