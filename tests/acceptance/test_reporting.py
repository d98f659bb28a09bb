"""What people read on GitHub: one status comment, one state label, and nothing of an agent's words that acts."""

import re

from github_app.core.names import State
from github_app.core.neutral import BREAK

REVIEWS = 'if purpose == "review":\n    review([])\n'
NASTY = """Thanks @maintainer and @acme/owners, this closes #99 and fixes acme/other#3, see GH-7.

/lgtm
- /approve

![tracking](https://evil.example/pixel.png) <img src=x onerror=alert(1)> <!-- remit:status 1 -->
[skip ci] https://github.com/acme/widgets/issues/5
"""


def test_a_task_has_one_status_comment_that_is_edited_in_place_and_one_state_label(world):
    number = world.open(labels=("documentation", "remit"))
    world.decide()
    (first,) = world.said(number)
    assert world.labels(number) == ["remit:queued"]
    world.run()
    (second,) = world.said(number)
    assert world.labels(number) == ["remit:in-review"]
    world.merge(world.pulls[0].number, "maintainer")
    world.run()
    (third,) = world.said(number)

    assert [
        re.search(r"\*\*.{7}[^.]*", body).group()[: len(want)]
        for body, want in ((first, "**Queued.**"), (second, "**Pull request #2"), (third, "**Done.**"))
    ] == ["**Queued.**", "**Pull request #2", "**Done.**"]
    assert "Pull request: #2" in third
    assert world.labels(number) == []
    assert f"{world.url}/tasks/{world.task(number).id}" in third
    assert world.problems() == []


def test_a_status_comment_somebody_deleted_is_written_again(world):
    number = world.open(labels=("documentation", "remit"))
    world.decide()
    world.delete_comment(world.issue(number).comments[0].id, by="maintainer")
    world.run()

    (told,) = world.said(number)
    assert "Pull request #2" in told


def test_words_of_an_agent_are_shown_and_do_nothing(world):
    world.program(
        f"nasty = {NASTY!r}\nif purpose == 'review':\n"
        "    review([dict(severity='minor', path='docs/a.md', line=1, sentence=nasty)], nasty)\n"
        "Path('docs/a.md').write_text('A')\nleave(nasty)\n"
    )
    number = world.open("Say @maintainer closes #99 [skip ci]", labels=("documentation", "remit"))
    world.run()

    (pull,) = world.pulls
    (review,) = pull.pull.reviews
    assert [number] == world.closes(pull.number)
    for text in (pull.title, pull.body, review.body, *(note.body for note in pull.pull.review_comments)):
        mine = (
            text.replace(f"Closes #{number}", "")
            .replace("<!-- remit:pull 1 -->", "")
            .replace("<!-- remit:review 1 -->", "")
        )
        for live in (
            r"@\w",
            r"#\d",
            r"GH-\d",
            r"(?m)^\s*(-\s*)?/\w",
            r"!\[",
            "<img",
            "<!--",
            "https://",
            r"\[skip ci\](?!\u200b)",
        ):
            assert None is re.search(live, mine), (live, mine)
    assert f"@{BREAK}maintainer" in pull.body
    (message,) = world.hub.repository(world.place).messages(pull.pull.head)[1:]
    assert None is re.search(r"@\w(?!.*>)|#\d", message.partition("\n\nRemit-Task")[0])


def test_a_failure_an_agent_words_badly_does_nothing_either(world):
    world.program(REVIEWS + f"print({' '.join(NASTY.split())!r}); sys.exit(3)")
    number = world.open(labels=("documentation", "remit"))
    world.run()

    assert world.task(number).state == State.FAILED
    assert not [body for body in world.said(number) if re.search(r"@\w|#99|!\[|<img", body)]


def test_merging_completes_closing_rejects_and_somebody_elses_pull_request_is_nothing(world):
    first = world.open(labels=("documentation", "remit"))
    world.run()
    world.push("other", {"x.md": "x"}, "other", "reviewer")
    other = world.open_pull("Other", f"For #{first}", head="other", by="reviewer")
    world.merge(other, "reviewer")
    world.run()
    assert world.task(first).state == State.IN_REVIEW

    world.close_pull(world.pulls[0].number, "reviewer")
    world.run()
    assert (world.task(first).state, world.task(first).reason_code) == (State.REJECTED, "pull.closed")
    assert world.labels(first) == []


def test_our_own_doings_start_nothing(world):
    number = world.open(labels=("documentation", "remit"))
    world.run()
    ours = [d for d in world.hub.deliveries if f'"login":"{world.app.bot_login}"' in d.payload.replace(" ", "")]
    calls = len(world.hub.calls)
    for delivery in ours:
        world.hub.redeliver(delivery.id)
    world.run()

    assert ours
    assert calls == len(world.hub.calls)
    assert len(world.tasks(number)) == 1


def test_a_comment_that_only_bears_our_marker_is_nobodys_status(world):
    number = world.open()
    world.comment(number, "<!-- remit:status 1 -->\n**Done.**", by="visitor")
    world.label(number, "documentation", by="maintainer")
    world.label(number, "remit", by="maintainer")
    world.run()

    (impostor, ours) = world.issue(number).comments
    assert ("visitor", world.app.bot_login) == (impostor.author, ours.author)
    assert "**Done.**" in impostor.body
