"""The ground moves under a task: repositories are renamed, default branches go on or are replaced."""

from github_app.core.names import State

WAITS = """
if purpose == "review":
    review([])
Path("docs/page.md").write_text("A page.\\n")
print("at work", flush=True)
while not Path("docs/go").exists():
    time.sleep(0.02)
os.unlink("docs/go")
"""


def test_a_repository_renamed_between_the_label_and_the_run_is_followed(world):
    number = world.open(labels=("documentation", "remit"))
    world.decide()
    world.rename_repository("gadgets", by="maintainer")
    world.moved_to("acme/gadgets")
    world.run()

    assert world.task(number).state == State.IN_REVIEW
    assert len(world.pulls) == 1
    assert world.labels(number) == ["remit:in-review"]


def test_a_repository_renamed_while_the_agent_works_gets_its_pull_request(world):
    world.program(WAITS)
    number = world.open(labels=("documentation", "remit"))
    with world.under_way():
        world.rename_repository("gadgets", by="maintainer")
        world.moved_to("acme/gadgets")
        world.touch("docs/go")

    assert world.task(number).state == State.IN_REVIEW
    assert len(world.pulls) == 1


def test_another_repository_under_the_old_name_is_never_touched(world):
    number = world.open(labels=("documentation", "remit"))
    world.decide()
    world.rename_repository("gadgets", by="maintainer")
    other = world.hub.create_repository("acme", "widgets", {"README.md": "# another\n"})
    world.moved_to("acme/gadgets")
    world.run()

    assert world.task(number).state in {State.IN_REVIEW, State.FAILED}
    assert sorted(other.branches()) == ["main"]
    assert (other.issues, other.pulls) == ((), ())


def test_a_default_branch_that_moved_on_is_what_the_run_starts_from(world):
    number = world.open("The total is wrong", labels=("bug", "remit"))
    world.run()
    world.comment(number, "/approve", by="reviewer")
    world.decide()
    head = world.push("main", {"docs/news.md": "News.\n"}, "news", "maintainer")
    world.run()

    assert world.task(number).state == State.IN_REVIEW
    assert head == world.report(number).base


def test_a_default_branch_that_moves_while_the_agent_works_is_no_reason_to_stop(world):
    world.program(WAITS)
    number = world.open(labels=("documentation", "remit"))
    with world.under_way():
        world.push("main", {"docs/news.md": "News.\n"}, "news", "maintainer")
        world.touch("docs/go")

    (pull,) = world.pulls
    assert world.task(number).state == State.IN_REVIEW
    assert world.changed(pull.pull.head) == ["docs/page.md"]


def test_another_default_branch_is_the_one_the_pull_request_is_for(world):
    world.push("trunk", {"docs/trunk.md": "Trunk.\n"}, "trunk", "maintainer")
    number = world.open(labels=("documentation", "remit"))
    world.decide()
    world.set_default_branch("trunk", by="maintainer")
    world.run()

    (pull,) = world.pulls
    assert world.task(number).state == State.IN_REVIEW
    assert pull.pull.base == "trunk"
