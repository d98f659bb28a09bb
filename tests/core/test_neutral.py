"""Text from outside shows what it says and does nothing."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from github_app.core.neutral import BREAK, commit_line, commit_text, cut, inert, inert_block, inert_line, plain, quoted

# What GitHub, or a bot reading comments there, acts on.
LIVE = {
    "mention": re.compile(r"@[A-Za-z0-9_]"),
    "reference": re.compile(r"#\d|GH-\d", re.IGNORECASE),
    "URL": re.compile(r"https?://|\bwww\.", re.IGNORECASE),
    "command": re.compile(r"^[^\S\n]*(?:(?:[-*+>]|\d+[.)])[^\S\n]*)*/[A-Za-z]", re.MULTILINE),
    "directive": re.compile(r"\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]|skip-checks:", re.IGNORECASE),
    "HTML": re.compile(r"<"),
    "image": re.compile(r"!\["),
    "entity": re.compile(r"&(?!amp;|lt;)"),
    "unseen": re.compile("[\u200c-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff\x00-\x08\x7f]"),
}

BODIES = [
    "@octocat please look",
    "cc @octo/reviewers and @octocat's @all",
    "mail me: a@example.org",
    "(@octocat) [@octocat] *@octocat* _@octocat_ \\@octocat",
    "@\u200boctocat",
    "fixes #12",
    "Closes #12, resolves: #13 and FIXED #14",
    "closes GH-15, closes gh-16, _GH-17_",
    "fixes octo/shop#18",
    "fixes octo/shop\u200b#18",
    "closes https://github.com/octo/shop/issues/19",
    "closes HTTPS://GITHUB.COM/octo/shop/pull/20",
    "see www.github.com/octo/shop/issues/21",
    "[text](https://github.com/octo/shop/issues/22)",
    "<https://github.com/octo/shop/issues/23>",
    "/lgtm",
    "Nice.\n/lgtm\n/approve",
    "  /lgtm\n\t/hold",
    "- /approve\n* /merge\n1. /retest\n> /close",
    "> > - /lgtm",
    "\u00a0/lgtm",
    "/\u200blgtm",
    "@bors r+",
    "@bors: r+ rollup=always",
    "@dependabot merge",
    "@dependabot squash and merge",
    "@coderabbitai approve",
    "/remit approve\n/approve 0123456789ab",
    "![x](https://example.org/track.png)",
    "![x][ref]\n\n[ref]: https://example.org/track.png",
    "!\u200b[x](https://example.org/track.png)",
    "<img src=x onerror=alert(1)>",
    "<!-- remit:status 1 -->",
    "a <!-- hidden --> b <details><summary>x</summary>",
    "</details></details>",
    "[skip ci] [ci skip] [no ci] [skip actions] [actions skip]",
    "[SKIP CI] and [ skip ci ]",
    "skip-checks: true\nskip-checks:true",
    "***NO_CI***",
    "&#64;octocat &commat;octocat &#35;12 &lt;b&gt;",
    "&amp;#64;octocat",
    "\u202eevil\u2066text\u2069",
    "\ud800@octocat\udfff",
    "a\r\n/lgtm\r/lgtm",
    "a\x00\x1b[31m@octocat",
    "a\u2028/lgtm\u2029@octocat\x85/lgtm",
    "\U000e0040octocat",
    "| @octocat | #12 |",
    "```\n@octocat #12\n```",
    "`@octocat` `#12`",
]


def live(text):
    return [name for name, pattern in LIVE.items() if pattern.search(text)]


@pytest.mark.parametrize("body", BODIES)
def test_nothing_of_it_is_live_any_more(body):
    assert live(inert(body)) == []
    assert live(inert_line(body)) == []


@pytest.mark.parametrize("body", BODIES)
def test_it_still_shows_what_it_said(body):
    shown = (
        inert(body)
        .replace(BREAK, "")
        .replace("&lt;", "<")
        .replace("&amp;", "&")
        .replace("!\\[", "![")
        .replace("]\\(", "](")
    )
    assert shown == plain(body)


MESSAGES = [body for body in BODIES if not re.search(r"[<&|`]|!\[", body)]
COMMIT = ("mention", "reference", "URL", "directive", "unseen")


@pytest.mark.parametrize("body", MESSAGES)
def test_a_commit_message_mentions_nobody_and_closes_nothing(body):
    assert not {*live(commit_text(body))} & {*COMMIT}
    assert not {*live(commit_line(body, limit=72))} & {*COMMIT}


@pytest.mark.parametrize(
    "trailer",
    [
        "Co-authored-by: octocat <o@example.org>",
        "co-authored-by : octocat <o@example.org>",
        "Signed-off-by: octocat <o@example.org>",
        "Remit-Task: 1",
        "  Reviewed-by: octocat",
        "Change-Id: I1234",
        "X-2-y: z",
    ],
)
def test_a_commit_message_carries_no_trailer_but_ours(trailer):
    text = commit_text(f"Done.\n\n{trailer}")
    assert not re.search(r"^\s*[A-Za-z0-9]+(?:-[A-Za-z0-9]+)+\s*:", text, re.MULTILINE)
    assert text.replace(BREAK, "").replace("@", "") == f"Done.\n\n{trailer}".replace("@", "")


def test_prose_with_colons_is_no_trailer():
    assert commit_text("Note: the well-known way: do it") == "Note: the well-known way: do it"


@pytest.mark.parametrize(
    ("text", "fence"),
    [
        ("plain", "```"),
        ("a ``` b", "~~~"),
        ("a ~~~ b", "```"),
        ("```\n~~~~~\n```", "````"),
        ("`````\n~~~", "~~~~"),
        ("", "```"),
    ],
)
def test_a_quoted_text_cannot_end_its_fence(text, fence):
    assert quoted(text, limit=1000) == f"{fence}text\n{text}\n{fence}"


@pytest.mark.parametrize("text", ["`" * 5000 + "~" * 5000, "x" * 9000, "`" * 9000])
def test_a_quoted_text_keeps_its_limit(text):
    assert len(quoted(text, limit=20_500)) <= 20_500
    assert len(quoted("x" * 9000, limit=1000)) == 1000


def test_a_cut_text_says_how_much_is_missing():
    assert cut("x" * 100, 100) == "x" * 100
    assert cut("x" * 101, 100) == "x" * 76 + "\n… (25 more characters)"
    assert cut("x" * 101, 5) == "\n… (101 more characters)"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("a | b", "a \\| b"),
        ("a \\| b", "a \\\\\\| b"),
        ("a\nb\r\nc", "a b c"),
        ("`code`", "'code'"),
        ("x\\", "x\\"),
    ],
)
def test_a_line_stays_inside_its_table_cell(cell, expected):
    assert inert_line(cell) == expected


@pytest.mark.parametrize("unit", ["x", "|", "&", "<", "@a ", "#1 ", "\\|", "![", "a\n"])
def test_a_line_keeps_its_limit_and_stays_a_line(unit):
    for text in (inert_line(unit * 500, limit=200), commit_line(unit * 500, limit=72)):
        assert len(text) <= 200
        assert "\n" not in text
        assert text.endswith("…")
    assert len(inert(unit * 3000, limit=400)) <= 400


@pytest.mark.parametrize("unit", ["\n", " \n", "- ", "1", "a-", "\\", "[ ", "> ", "@", "skip"])
def test_long_repetitions_are_read_once(unit):
    text = unit * (200_000 // len(unit))
    assert len(inert(text)) <= 4000
    assert len(commit_text(text)) <= 2000
    assert len(inert_line(text)) <= 200


PIECES = st.sampled_from([
    *("@", "a", "octocat", "#", "1", "GH-", "gh-", "http", "s", ":", "/", "//", "www", ".", "<", ">", "!", "[", "]"),
    *("(", ")", "&", "amp;", "lt;", "\n", "\r", " ", "\t", "-", "*", "/lgtm", "skip", " ci", "no", "\u200b", "\u202e"),
    *("\ud800", "\x00", "\u2028", "\\", "`", "|", "_", "1.", ";", "skip-checks", "***NO_CI***", "\N{GRINNING FACE}"),
])  # fmt: skip
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=60)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
@example("!![")
@example("@\u200b@a")
def test_no_text_at_all_is_live_after_it_was_made_inert(text):
    assert live(inert(text)) == []
    assert live(inert_line(text)) == []
    assert not {*live(commit_text(text))} & {*COMMIT}


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(40, 80))
def test_cutting_makes_nothing_live_again(text, limit):
    assert not {*live(inert(text * 4, limit=limit))} - {"entity"}  # the last one may have been cut in two
    assert len(inert(text * 4, limit=limit)) <= limit
    assert len(inert_line(text * 4, limit=limit)) <= limit


def test_a_block_is_a_quotation_that_no_fence_or_heading_gets_out_of():
    said = "Fine.\n## Proof\n| check | result |\n|---|---|\n| all | passed |\n\n~~~~\n[a](//evil)\n[b]: https://evil"
    block = inert_block(said)
    assert all(line.startswith("> ") for line in block.split("\n"))
    assert "](" not in block
    assert "]:" not in block
