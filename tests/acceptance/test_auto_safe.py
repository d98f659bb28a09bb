"""An auto_safe issue: from the label to the merged pull request."""

from github_app.core.names import State


def test_a_documentation_issue_runs_at_once_and_ends_in_a_pull_request(world):
    number = world.open(labels=("documentation", "remit"))
    world.run()

    task = world.task(number)
    assert (task.state, task.category, str(task.tier)) == (State.IN_REVIEW, "docs", "auto_safe")
    (pull,) = world.pulls
    assert f"remit/docs/{number}-{task.id}" == pull.pull.head
    assert not pull.pull.draft
    assert f"Closes #{number}" in pull.body
    assert "remit:in-review" in world.issue(number).labels
    assert world.clean() == []


def test_merging_completes_the_task_and_clears_its_label(world):
    number = world.open(labels=("documentation", "remit"))
    world.run()
    world.merge(world.pulls[0].number, "maintainer")
    world.run()

    assert world.task(number).state == State.COMPLETED
    assert not [label for label in world.issue(number).labels if label.startswith("remit:")]
