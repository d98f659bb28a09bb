"""The grammar of commands: one registry, and nothing outside it."""

import pytest

from github_app.core.commands import VERBS, Command, Misspelt, Need, named_digest, parse


@pytest.mark.parametrize("name", VERBS)
def test_every_command_of_the_registry_is_understood_as_it_is_documented(name):
    verb = VERBS[name]
    assert verb.usage.startswith(f"/{name}" if verb.bare else f"/remit {name}")
    command = parse([f"/remit {name}"])
    assert (command.verb, command.argument) == (verb, "")
    assert parse([f"/remit {name.upper()}\tbecause  of this "]).argument == "because  of this"


@pytest.mark.parametrize("name", VERBS)
def test_only_the_bare_ones_work_without_our_name(name):
    command = parse([f"/{name}"])
    assert isinstance(command, Command) if VERBS[name].bare else command is None


@pytest.mark.parametrize(
    ("paragraph", "name", "argument"),
    [
        ("/remit", "help", ""),
        ("/remit   stop", "stop", ""),
        ("  /remit stop  ", "stop", ""),
        ("/remit\nstop", "stop", ""),
        ("/remit stop\nbecause it is wrong", "stop", "because it is wrong"),
        ("/reject\nbecause it is wrong", "reject", "because it is wrong"),
        ("/approve 0123456789ab", "approve", "0123456789ab"),
        ("/remit reject /approve", "reject", "/approve"),
    ],
)
def test_a_command_begins_its_paragraph(paragraph, name, argument):
    command = parse([paragraph])
    assert (command.verb.name, command.argument) == (name, argument)


@pytest.mark.parametrize(
    "paragraph",
    [
        "",
        "approve",
        "please /approve",
        "do not /approve",
        "//approve",
        "\\/approve",
        "/Approve",
        "/APPROVE",
        "/approved",
        "/approve!",
        "/\u0430pprove",
        "/approve\u200b",
        "\uff0fapprove",
        "/remitx stop",
        "/remit: stop",
        "@remit stop",
        "/lgtm",
        "[/approve](https://example.org)",
        "# /approve",
        "**/approve**",
        "`/approve`",
    ],
)
def test_what_only_looks_like_a_command_is_none(paragraph):
    assert parse([paragraph]) is None


def test_the_first_command_counts():
    assert parse(["Thank you!", "/remit why", "/remit stop"]).verb.name == "why"


@pytest.mark.parametrize(
    ("paragraph", "said", "nearest"),
    [
        ("/remit aprove", "aprove", "approve"),
        ("/remit Stopp", "stopp", "stop"),
        ("/remit do-it", "do-it", None),
        ("/remit merge", "merge", None),
    ],
)
def test_an_unknown_word_is_told_with_the_nearest_known(paragraph, said, nearest):
    assert parse([paragraph]) == Misspelt(said=said, nearest=nearest)


def test_an_argument_is_cut():
    assert len(parse(["/reject " + "x" * 9000]).argument) == 2000


def test_a_long_paragraph_is_read_quickly_and_is_no_command():
    assert parse(["/remit" + " " * 60_000 + "stop " + " x" * 30_000]).verb.name == "stop"


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("", ""),
        ("0123456789ab", "0123456789ab"),
        ("0123456789AB", None),
        ("0123456789a", None),
        ("0123456789abc", None),
        ("0123456789ab please", None),
        ("`0123456789ab`", None),
        ("all", None),
        ("\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669ab", None),
    ],
)
def test_an_approval_names_a_digest_exactly_or_none(argument, named):
    assert named_digest(argument) == named


def test_whatever_changes_something_needs_permission():
    assert {verb.name for verb in VERBS.values() if verb.need is Need.ASK} == {"why", "status", "help"}
    assert [verb.name for verb in VERBS.values() if verb.need is Need.APPROVE] == ["approve"]
