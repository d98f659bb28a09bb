"""What GitHub can do to a result on its way: in the end one branch, one pull request, one comment, no work twice."""

import threading
import time

import pytest
from worker_bench import OUR_TOKEN
from world import REPOSITORY, SECRET, make_world

from github_app.core.names import State
from github_app.demo.hub.faults import How

NO_CHECKS = (
    "version: 1\nmode: active\ncaps: {new_per_requester_per_hour: 1000, open_pull_requests_per_repository: null}\n"
)
REVIEWS = """
if purpose == "review":
    review([{"severity": "critical", "path": "docs/twice.md", "line": 1, "sentence": "No."}])
"""
WRITES = REVIEWS + 'Path("docs/twice.md").write_text(f"{time.time_ns()}\\n")\n'
TITLES = iter(f"A page about number {n}" for n in range(1000))


@pytest.fixture(scope="module")
def busy(module_place):
    """One world for all faults: each case has an issue of its own."""
    with make_world(module_place, policy=NO_CHECKS) as world:
        world.program(WRITES)
        yield world


def asked(world):
    number = world.open(next(TITLES), labels=("documentation", "remit"))
    world.decide()
    return number


def pulls_of(world, number):
    return [pull for pull in world.pulls if pull.pull.head.startswith(f"remit/docs/{number}-")]


def branches_of(world, number):
    return [name for name in world.branches() if name.startswith(f"remit/docs/{number}-")]


def attempts_of(world, number):
    return len(list(world.shop.logs.glob(f"{world.task(number).id}-*/work.out")))


def assert_published_once(world, number):
    task = world.task(number)
    (pull,) = pulls_of(world, number)
    assert (task.state, task.pull_number) == (State.IN_REVIEW, pull.number)
    assert branches_of(world, number) == [f"remit/docs/{number}-{task.id}"]
    assert len([body for body in world.said(number) if "remit:status" in body]) == 1
    assert len(pull.pull.reviews) == 1
    assert "needs-fix" in pull.labels
    assert attempts_of(world, number) == 1, "the agent's work was thrown away and done again"
    assert list(world.shop.patches.glob(f"{task.id}-*")) == []
    assert world.clean() == []


PULLS, REVIEW, PUSH, LABEL = "/pulls$", "/reviews$", "git-receive-pack$", "/issues/[0-9]+/labels$"
TOKEN, LOOK = "/access_tokens$", "/graphql$"
FAULTS = [
    ("POST", PULLS, "502"),
    ("POST", PULLS, How.LATE_502),
    ("POST", PULLS, How.LOST_REPLY),
    ("POST", PULLS, How.SECONDARY_LIMIT),
    ("POST", REVIEW, How.LATE_502),
    ("POST", REVIEW, How.LOST_REPLY),
    ("POST", PUSH, "502"),
    ("POST", PUSH, How.LOST_REPLY),
    ("GET", PUSH, "502"),
    ("GET", PUSH, How.REVOKE_TOKENS),
    ("GET", "git-upload-pack$", How.REVOKE_TOKENS),
    ("DELETE", "/installation/token$", "502"),
    ("POST", LABEL, How.LOST_REPLY),
]


@pytest.mark.parametrize(("method", "path", "how"), FAULTS, ids=[f"{m} {p} {h}" for m, p, h in FAULTS])
def test_a_fault_on_the_way_delays_a_result_and_doubles_nothing(busy, method, path, how):
    number = asked(busy)
    if method == "GET":  # git asks what is there: first to fetch, then to push
        busy.hub.fail("GET", "info/refs", how, nth=2 if "receive" in path else 1)
    else:
        busy.hub.fail(method, path, how)
    busy.run()
    assert busy.hub.world.faults.armed() == 0, "the fault never struck"
    busy.clock.advance(hours=2)
    busy.run()
    assert_published_once(busy, number)


def test_a_review_that_github_will_never_take_does_not_stop_the_pull_request(busy):
    number = asked(busy)
    busy.hub.fail("POST", REVIEW, "403", message="Resource not accessible by integration")
    busy.run()
    (pull,) = pulls_of(busy, number)
    assert (busy.task(number).state, len(pull.pull.reviews)) == (State.IN_REVIEW, 0)


def test_remarks_github_refuses_are_said_in_the_summary_instead(busy):
    number = asked(busy)
    busy.hub.fail("POST", REVIEW, "422", message="Line could not be resolved")
    busy.run()
    (pull,) = pulls_of(busy, number)
    assert (len(pull.pull.reviews), pull.pull.review_comments) == (1, ())
    assert "docs/twice.md:1" in pull.pull.reviews[0].body


REMARKS = """
if purpose == "review":
    review([{"severity": "minor", "path": path, "line": line, "sentence": "Here."}
        for path in ("docs/manual.md", "docs/new name.md", "docs/книга.md", "docs/gone.md", "README.md", "x" * 300)
        for line in (0, 1, 2, 5, 30, 31, 10**6)])
"""
RENAMES = """
os.rename("docs/manual.md", "docs/book.md")
Path("docs/new name.md").write_text("a\\nb\\n")
Path("docs/книга.md").write_text("a")
"""


def test_a_hostile_reviewers_remarks_never_make_github_refuse_the_review(busy):
    busy.program(REMARKS + RENAMES)
    number = asked(busy)
    busy.run()
    busy.program(WRITES)
    (pull,) = pulls_of(busy, number)
    refused = [
        call for call in busy.hub.calls if call.path.endswith(f"/pulls/{pull.number}/reviews") and call.status == 422
    ]
    assert refused == []
    assert len(pull.pull.reviews) == 1


PROTECTIONS = ["protected", "ruleset", "secret", "large"]


@pytest.mark.parametrize("how", PROTECTIONS)
def test_a_refused_push_fails_the_task_and_says_where_the_work_is(busy, how):
    number = asked(busy)
    busy.hub.protect(REPOSITORY, "*", how)
    try:
        busy.run()
    finally:
        busy.hub.protect(REPOSITORY, "*", "none")
    task = busy.task(number)
    assert (task.state, task.last_failure) == (State.FAILED, "push_rejected")
    assert (pulls_of(busy, number), branches_of(busy, number)) == ([], [])
    assert (
        f"The work is kept on the server as `{task.id}-1-{task.fence}.patch` for 7 days."
        in busy.report(number).sentence
    )
    assert list(busy.shop.patches.glob(f"{task.id}-*")) != []


def test_a_workflow_file_is_kept_back_before_any_push(busy):
    busy.program(
        REVIEWS
        + 'Path(".github/workflows").mkdir(parents=True)\nPath(".github/workflows/x.yml").write_text("on: push")'
    )
    number = asked(busy)
    busy.run()
    busy.program(WRITES)
    assert (busy.task(number).last_failure, branches_of(busy, number)) == ("unpublishable", [])
    assert "kept on the server" in busy.said(number)[-1]


def test_a_branch_of_somebody_else_is_left_alone_and_another_name_is_taken(busy):
    number = asked(busy)
    name = f"remit/docs/{number}-{busy.task(number).id}"
    theirs = busy.hub.push(REPOSITORY, name, {"theirs.txt": "x"}, "mine", "maintainer")
    busy.run()
    (pull,) = pulls_of(busy, number)
    assert (pull.pull.head, busy.task(number).state) == (f"{name}b", State.IN_REVIEW)
    assert busy.hub.repository(REPOSITORY).branches()[name] == theirs


def test_when_both_names_are_taken_nothing_is_pushed_over(busy):
    number = asked(busy)
    name = f"remit/docs/{number}-{busy.task(number).id}"
    theirs = [
        busy.hub.push(REPOSITORY, name + end, {f"theirs{end}.txt": "x"}, "mine", "maintainer") for end in ("", "b")
    ]
    busy.run()
    found = busy.hub.repository(REPOSITORY).branches()
    assert [found[name], found[f"{name}b"]] == theirs
    assert (busy.task(number).last_failure, pulls_of(busy, number)) == ("push_rejected", [])


def test_a_pull_request_closed_before_the_attempt_came_back_is_not_opened_again(busy):
    number = asked(busy)
    busy.hub.fail("POST", REVIEW, How.SECONDARY_LIMIT)
    busy.run()
    (pull,) = pulls_of(busy, number)
    busy.close_pull(pull.number, "maintainer")
    busy.run()
    busy.clock.advance(hours=2)
    busy.run()
    (still,) = pulls_of(busy, number)
    assert (still.state, busy.task(number).state in {State.FAILED, State.CANCELLED}) == ("closed", True)


def test_work_that_was_built_for_another_text_is_not_published(busy):
    number = asked(busy)
    busy.hub.fail("POST", PULLS, "502")
    busy.run()
    first = busy.hub.repository(REPOSITORY).branches()[f"remit/docs/{number}-{busy.task(number).id}"]
    busy.edit_issue(number, by="maintainer", body="Something quite different is wanted now, in many more words. " * 4)
    busy.clock.advance(hours=2)
    busy.run()
    task = busy.task(number)
    assert first != busy.hub.repository(REPOSITORY).branches().get(task.branch or "")


TELLS = f"""
if purpose == "review":
    review([{{"severity": "minor", "path": "docs/a.md", "line": 1, "sentence": "{SECRET}"}}], "{SECRET[::-1]}")
Path("docs/a.md").write_text("x")
"""


def test_a_secret_in_a_review_is_withheld(busy):
    busy.program(TELLS)
    number = asked(busy)
    busy.run()
    busy.program(WRITES)
    (pull,) = pulls_of(busy, number)
    texts = [pull.body, *(r.body for r in pull.pull.reviews), *(c.body for c in pull.pull.review_comments)]
    assert "withheld" in pull.pull.reviews[0].body
    assert [text for text in (*texts, *busy.said(number)) if SECRET in text or SECRET[::-1] in text] == []


def test_a_secret_in_the_last_words_of_an_agent_is_withheld(busy):
    busy.program(f'print("{SECRET}")\nsys.exit(3)\n')
    number = asked(busy)
    busy.run()
    busy.program(WRITES)
    said = "".join(busy.said(number))
    assert busy.task(number).state is State.FAILED
    assert ("withheld" in said, SECRET in said) == (True, False)


WAITS_FOR_A_FILE = """
if purpose == "review":
    review([])
while not Path("docs/go").exists():
    time.sleep(0.02)
Path("docs/go").unlink()
Path("docs/twice.md").write_text("x")
"""
LOSSES = {
    "the repository is archived": lambda world, _: world.archive("maintainer"),
    "the repository is taken away": lambda world, _: world.hub.remove_repository(world.installation, REPOSITORY),
    "the app is suspended": lambda world, _: world.hub.suspend(world.installation),
    "the issue is closed": lambda world, number: world.close(number, "maintainer"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_access_lost_unheard_while_the_agent_works_means_that_nothing_is_published(world, loss):
    """Only what GitHub says when it is asked once more can tell: no webhook comes."""
    world.set_policy(NO_CHECKS)
    world.program(WAITS_FOR_A_FILE)
    number = asked(world)
    attempt = world.worker.start()
    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not list(world.shop.work_dir.glob("runs/*/tree/docs/manual.md")):
        assert time.monotonic() < end
        time.sleep(0.01)  # a real process is waited for
    world.hold_deliveries()
    LOSSES[loss](world, number)
    world.touch("docs/go")
    thread.join(30)
    assert not thread.is_alive()
    assert (world.pulls, world.branches(), world.clean()) == ((), [], [])
    assert "kept on the server" in world.report(number).sentence


def test_a_worker_whose_lease_ran_out_before_it_began_does_nothing(world):
    world.set_policy(NO_CHECKS)
    number = asked(world)
    stale = world.worker.start()
    world.clock.advance(minutes=5)
    world.run()
    assert world.task(number).state is State.IN_REVIEW
    writes = [call for call in world.hub.calls if call.method != "GET" and "graphql" not in call.path]
    stale()
    after = [call for call in world.hub.calls if call.method != "GET" and "graphql" not in call.path]
    assert [call.path for call in after[len(writes) :] if "access_tokens" not in call.path] == []
    assert (len(world.pulls), world.clean()) == (1, [])


def test_instructions_that_are_too_long_are_read_by_the_agent_itself(world):
    world.push(
        "main", {"AGENTS.md": f"{OUR_TOKEN[:4]} be careful\n" * 4000, ".github/remit.yml": NO_CHECKS}, "x", "maintainer"
    )
    number = asked(world)
    world.run()
    assert world.task(number).state is State.IN_REVIEW
