"""How names are compared, and the only branch names there are."""

import pytest

from github_app.core.names import Category, Permission, Tier, branch_name, fold, same_title


@pytest.mark.parametrize("name", ["Bug", "BUG", "bug"])
def test_ascii_letters_are_folded(name):
    assert fold(name) == "bug"


@pytest.mark.parametrize(
    "lookalike",
    [
        "\uff42\uff55\uff47",
        "b\u03c5g",
        "bu\u200bg",
        "bug ",
        " bug",
        "bug\ufe0f",
        "buġ",
        "b\u00adug",
        "BUG\u0301",
    ],
)
def test_a_look_alike_is_another_label(lookalike):
    assert fold(lookalike) != "bug"


@pytest.mark.parametrize(("name", "other"), [("\u212a", "k"), ("\u0130", "i"), ("\u017f", "s"), ("ß", "ss")])
def test_letters_that_unicode_would_fold_to_ascii_are_left_alone(name, other):
    assert fold(name) == name
    assert fold(name) != other


@pytest.mark.parametrize(
    "title",
    ["fix the  build", " Fix the build ", "Fix the build.", "fix the build!?", "FIX THE BUILD", "Fix\tthe\nbuild"],
)
def test_titles_that_say_the_same_are_the_same(title):
    assert same_title(title) == "fix the build"


def test_titles_that_say_something_else_are_not_the_same():
    assert same_title("Fix the build on 3.11") != same_title("Fix the build on 3.12")


def test_a_title_is_compared_up_to_256_characters():
    assert same_title("x" * 300) == "x" * 256


def test_a_branch_is_made_of_our_own_numbers():
    assert branch_name(Category("docs"), 7, 70) == "remit/docs/7-70"
    assert branch_name(Category("docs"), 7, 70, "b") == "remit/docs/7-70b"


@pytest.mark.parametrize(
    ("category", "number", "task", "suffix"),
    [
        ("", 7, 70, ""),
        ("docs/../main", 7, 70, ""),
        ("Docs", 7, 70, ""),
        ("docs", -7, 70, ""),
        ("docs", 7, -1, ""),
        ("docs", 7, 70, ".lock"),
        ("docs", 7, 70, "\n"),
        ("docs", 7, 70, " --force"),
        ("docs", 10**10, 70, ""),
        ("d" * 21, 7, 70, ""),
    ],
)
def test_a_branch_of_anything_else_is_refused(category, number, task, suffix):
    with pytest.raises(ValueError, match="not a branch of ours"):
        branch_name(Category(category), number, task, suffix)


@pytest.mark.parametrize("tier", Tier)
def test_a_tier_is_found_by_its_name(tier):
    assert Tier.named(str(tier)) is tier


@pytest.mark.parametrize("name", ["", "auto-safe", "Auto_safe", "AUTO_SAFE", "safe", "0", "auto_safe ", "run"])
def test_an_unknown_tier_is_the_strictest(name):
    assert Tier.named(name) is Tier.BLOCKED


def test_permissions_are_ordered_as_github_orders_them():
    assert [str(p) for p in sorted(Permission)] == ["none", "read", "triage", "write", "maintain", "admin"]
