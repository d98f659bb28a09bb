"""Whoever asks why is told what would change it, on GitHub, on the page and as data; and it does."""

import httpx


def test_why_says_what_would_change_it_and_doing_it_does(world):
    number = world.open(labels=("documentation",))
    world.run()
    assert world.tasks(number) == []
    world.comment(number, "/remit why", by="maintainer")
    world.run()
    told = world.said(number)[-1]
    assert "What would change it:" in told
    assert "with write permission set `remit`. Then it runs." in told
    world.label(number, "remit", by="maintainer")
    world.run()
    assert world.task(number).state == "in_review"


def test_a_held_task_says_on_every_face_whose_approval_is_missing(world):
    number = world.open(labels=("remit", "bug"))
    world.decide()
    task = world.task(number)
    world.comment(number, "/remit why", by="maintainer")
    world.decide()
    missing = f"An approval of {task.digest} by somebody with write permission. Then it is queued."
    assert missing in world.said(number)[-1]
    assert missing in httpx.get(f"{world.url}/tasks/{task.id}").text
    stored = httpx.get(f"{world.url}/api/v1/tasks/{task.id}").json()["decisions"][0]["document"]
    assert stored["remedies"][0]["sentence"] == missing
    assert "Say what happens" not in str(stored)
