"""What a digest is over, and what is said when it does not fit any more."""

import pytest

from github_app.core.digest import digest, subject, what_changed
from github_app.core.names import Sha, Tier

PARTS = {
    "title": "A title",
    "body": "A body",
    "labels": ("bug",),
    "tier": Tier.PROPOSED,
    "policy_version": "p1",
    "base": Sha("a" * 40),
}


@pytest.mark.parametrize(
    ("part", "other", "said"),
    [
        ("title", "a title", "the title was changed"),
        ("body", "A body ", "the description was changed"),
        ("body", "A bo\u200bdy", "the description was changed"),
        ("labels", ("bug", "documentation"), "the labels that matter were changed"),
        ("labels", (), "the labels that matter were changed"),
        ("tier", Tier.OPERATOR, "the tier is another one"),
        ("policy_version", "p2", "the policy is another version"),
        ("base", Sha("b" * 40), "the base commit is another one"),
    ],
)
def test_each_part_changes_the_digest_and_is_named(part, other, said):
    before, after = subject(**PARTS), subject(**{**PARTS, part: other})
    assert digest(before) != digest(after)
    assert what_changed(before, after) == (said,)


def test_several_changes_are_all_named():
    after = subject(**{**PARTS, "title": "B", "body": "B"})
    assert what_changed(subject(**PARTS), after) == ("the title was changed", "the description was changed")


def test_the_order_and_case_of_labels_do_not_matter():
    one = subject(**{**PARTS, "labels": ("Bug", "docs")})
    assert one == subject(**{**PARTS, "labels": ("docs", "bug", "BUG")})


def test_text_cannot_move_from_the_title_into_the_body():
    one = subject(**{**PARTS, "title": "ab", "body": "c"})
    assert one != subject(**{**PARTS, "title": "a", "body": "bc"})


def test_the_subject_holds_hashes_and_never_words():
    text = subject(**{**PARTS, "title": "a secret title", "body": "a secret body"})
    assert "secret" not in text


def test_a_lone_surrogate_has_a_digest_too():
    assert len(digest(subject(**{**PARTS, "body": "\ud800"}))) == 12


def test_a_digest_is_twelve_hexadecimal_digits():
    assert int(digest(subject(**PARTS)), 16) >= 0
    assert len(digest(subject(**PARTS))) == 12


def test_nothing_is_said_about_a_task_from_before_subjects_were_kept():
    assert what_changed("", subject(**PARTS)) == ()
