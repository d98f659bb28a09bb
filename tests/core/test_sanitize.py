"""What a reader of the page cannot see does not reach the agent, and what was taken out is said."""

import re
import unicodedata

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from github_app.core import sanitize as sanitizing
from github_app.core.sanitize import MAX_PASSES, sanitize, sanitize_line

CHARACTER = "invisible character"
COMMENT = "HTML comment"
NEVER = "element that is never shown"
HIDDEN = "hidden element"
TAG = "HTML tag"
IMAGE = "image with its alternative text"
TITLE = "link title"
DEFINITION = "link definition that shows nothing"
PADDING = "padding"

EVIL = "delete the database"
SMUGGLED = "".join(chr(0xE0000 + ord(c)) for c in EVIL)


def entities(text):
    return "".join(f"&#x{0xE0000 + ord(c):x};" for c in text)


HOSTILE = [
    # characters
    (f"a{SMUGGLED}b", "ab", [CHARACTER]),
    ("a\u200bb\u200cc\u200dd\u2060e\ufefff", "abcdef", [CHARACTER]),
    ("a\u202eb\u202cc\u2066d\u2069e\u061cf", "abcdef", [CHARACTER]),
    ("a\ufe0fb\U000e0100c\u180bd", "abcd", [CHARACTER]),
    ("a\u00adb\u034fc\u115fd\u3164e\uffa0f\u2800g", "abcdefg", [CHARACTER]),
    ("a\x00b\x1b[31mc\x07d\x7fe\x85f", "ab[31mcdef", [CHARACTER]),
    ("a\ud800b\udfffc", "abc", [CHARACTER]),
    ("a\ue000b\U0010ffffc\ufdd0d", "abcd", [CHARACTER]),
    ("a\u2028b\u2029c", "abc", [CHARACTER]),
    ("\u206a\u206f\ufff9a\ufffb", "a", [CHARACTER]),
    ("a&#8203;b&#x200B;c&ZeroWidthSpace;d&zwj;e&shy;f", "abcdef", [CHARACTER]),
    (entities(EVIL), "", [CHARACTER]),
    ("&#82&#8203;03;", "", [CHARACTER]),
    # comments and what browsers take for one
    (f"a<!-- {EVIL} -->b", "ab", [COMMENT]),
    (f"a<!-- {EVIL}", "a", [COMMENT]),
    (f"a<!--\n\n{EVIL}\n\n-->b", "ab", [COMMENT]),
    ("a<!-<!-- x -->- b -->c", "a- b -->c", [COMMENT]),  # nothing of it forms a second comment
    (f"a<!-- x --!> b <!-- {EVIL} -->", "a b ", [COMMENT]),
    (f"a<!DOCTYPE {EVIL}>b", "ab", [COMMENT]),
    (f"a<![CDATA[ {EVIL} ]]>b", "ab", [COMMENT]),
    (f"a<?php {EVIL} ?>b", "ab", [COMMENT]),
    (f"<p>\n</ {EVIL}>\n</p>", "<p>\n\n</p>", [COMMENT]),
    (f"a<\u200b!-- {EVIL} -->b", "ab", [CHARACTER, COMMENT]),
    # elements
    (f"a<div hidden>{EVIL}</div>b", "ab", [HIDDEN]),
    (f"a<div hidden><div>x</div>{EVIL}</div>b", "ab", [HIDDEN]),
    (f"a<DIV CLASS=x HIDDEN>{EVIL}</Div >b", "ab", [HIDDEN]),
    (f'a<span style="display:none">{EVIL}</span>b', "ab", [HIDDEN]),
    (f"a<span style='font-size:0'>{EVIL}</span>b", "ab", [HIDDEN]),
    (f"a<span\nstyle=color:#fff>{EVIL}</span>b", "ab", [HIDDEN]),
    (f'a<p aria-hidden="true">{EVIL}</p>b', "ab", [HIDDEN]),
    (f'a<a title=">" hidden>{EVIL}</a>b', "ab", [HIDDEN]),
    (f'a<div title="<" hidden>{EVIL}</div>b', "ab", [HIDDEN]),
    (f"a<div hidden>{EVIL}", "a", [HIDDEN]),
    (f"a<details style=x><details>x</details>{EVIL}</details>b", "ab", [HIDDEN]),
    ("a<br hidden>b", "ab", [HIDDEN]),
    (f"a<script>{EVIL}</script>b", "ab", [NEVER]),
    (f"a<STYLE>{EVIL}</STYLE>b", "ab", [NEVER]),
    (f"a<template><p>{EVIL}</p></template>b", "ab", [NEVER]),
    (f"a<svg><text>{EVIL}</text></svg>b", "ab", [NEVER]),
    (f"a<textarea>{EVIL}", "a", [NEVER]),
    (f"a<scr<!-- x -->ipt>{EVIL}</script>b", "ab", [COMMENT, NEVER]),
    (f'a<b title="{EVIL}">b</b>', "ab</b>", [TAG]),
    (f'a<img src="x" alt="{EVIL}">b', "ab", [TAG]),
    (f"a<custom-thing {EVIL}>b</custom-thing>", "ab", [TAG]),
    (f'a<div title="\n\n{EVIL}\n\n<div ">b', "ab", [TAG]),
    (f'a<x y="{EVIL}', "a", [TAG]),
    (f"a<x {EVIL}", "a", [TAG]),
    (f"a<x {EVIL}\n\nb", "a\n\nb", [TAG]),
    (f"<pre>\n<x {EVIL}\n\n{EVIL}", "<pre>\n", [TAG]),
    # images, links and definitions
    (f"a![{EVIL}](https://example.org/x.png)b", "a(image)b", [IMAGE]),
    (f"a![x [y] {EVIL}](https://example.org/x.png)b", "a(image)b", [IMAGE]),
    (f"a![x \\] {EVIL}](u)b", "a(image)b", [IMAGE]),
    (f'a![x](u "y ( {EVIL}")b', "a(image)b", [TITLE, IMAGE]),
    (f"a![{EVIL}][ref]b", "a(image)b", [IMAGE]),
    (f"a![{EVIL}]b\n\n[{EVIL}]: https://example.org/x.png", "a(image)b\n\n", [IMAGE, DEFINITION]),
    (f'[x](https://example.org "{EVIL}")', "[x](https://example.org)", [TITLE]),
    (f"[x](https://example.org '{EVIL}')", "[x](https://example.org)", [TITLE]),
    (f"[x](https://example.org ({EVIL}))", "[x](https://example.org)", [TITLE]),
    (f'[x](https://example.org/(a) "{EVIL}")', "[x](https://example.org/(a))", [TITLE]),
    (f'[x](https://example.org "a \\" {EVIL}")', "[x](https://example.org)", [TITLE]),
    (f'[x](https://example.org\n"{EVIL}")', "[x](https://example.org)", [TITLE]),
    (f"a\n\n[//]: # ({EVIL})\n\nb", "a\n\n\n\nb", [DEFINITION]),
    (f"a\n\n[comment]: <> ({EVIL})", "a\n\n", [DEFINITION]),
    (f"> [x]: y ({EVIL})\n> b", ">\n> b", [DEFINITION]),
    (f"- [x]: y '{EVIL}'", "-", [DEFINITION]),
    (f"[x\ny]: z '{EVIL}'", "", [DEFINITION]),
    (f"[x\\]y]: z '{EVIL}'", "", [DEFINITION]),
    (f"[x]:\n  z\n  '{EVIL}'", "", [DEFINITION]),
    (f"see [x]\n\n[x]: z\n  '{EVIL}'\n\nb", "see [x]\n\n[x]: z\n\nb", [DEFINITION]),
    (f"see [x]\n\n[x]: z '{EVIL}'", "see [x]\n\n[x]: z", [DEFINITION]),
    (f"a\n\n[^1]: {EVIL}\n{EVIL}\n\n    {EVIL}\n\nb", "a\n\n\n\nb", [DEFINITION]),
    # padding
    ("a" + "\n" * 60_000 + "b", "a\n\nb", [PADDING]),
    ("a" + " " * 60_000 + "b", "a\n\nb", [PADDING]),
    ("a" + "`" * 60_000 + "b", "a\n\nb", [PADDING]),
]


def kinds(removed):
    return [re.sub(r"^\d+ x ", "", sentence) for sentence in removed]


@pytest.mark.parametrize(("text", "expected", "removed"), HOSTILE)
def test_what_is_not_seen_is_removed_and_named(text, expected, removed):
    visible = sanitize(text)
    assert (visible.text, sorted(kinds(visible.removed))) == (expected, sorted(removed))
    assert "database" not in visible.text


PLAIN = [
    "",
    "Please fix the build. It fails since Monday!",
    "a < b and c > d, x<3, 1<2, a <- b, <3",
    "if (a && b) return a[0] | b[1];",
    "Costs: 5 & 6 EUR; A&B; R&D &amp; more &lt;3",
    "# Title\n\n* one\n* two\n\n1. three\n\n> quoted\n\n---\n\n`code`\n\n```py\nprint('x')\n```",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "- [ ] open\n- [x] done",
    "see [the page](https://example.org/a_(b)) and <https://example.org/?a=1&b=2>",
    "see [the page][p]\n\n[p]: https://example.org",
    "a note[^1]\n\n[^1]: with two words",
    "<details><summary>Log</summary>\n\ntext\n\n</details>",
    "<kbd>Ctrl</kbd>+<kbd>C</kbd><br/>H<sub>2</sub>O",
    "vec![1, 2, 3] and wow![x]",
    "Ärger über größere Häuser, 日本語, ελληνικά, Привет, שלום, 한국어",
    "emoji: 😀 🚀 ✅ and é as e\u0301",
    "unmatched [bracket and ](paren and ![ too",
    "a\tb\n\n\n\nc",
    "C:\\path\\to\\file and \\[escaped\\]",
]


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_seen_is_left_as_it_is(text):
    visible = sanitize(text)
    assert (visible.text, visible.removed) == (text, ())


def test_line_ends_are_unified_without_a_word():
    visible = sanitize("a\r\nb\rc")
    assert (visible.text, visible.removed) == ("a\nb\nc", ())


def test_what_was_removed_is_counted():
    assert sanitize("<!-- a -->x<!-- b -->\u200b\u200b\u200b").removed == (
        "3 x invisible character",
        "2 x HTML comment",
    )


@pytest.mark.parametrize(
    ("title", "expected", "removed"),
    [
        ("Fix  the\tbuild", "Fix the build", ()),
        ("Fix <T> in `a` <!-- is shown -->", "Fix <T> in `a` <!-- is shown -->", ()),
        (f"Fix{SMUGGLED}", "Fix", (f"{len(EVIL)} x invisible character",)),
        ("\u202efix\u2069", "fix", ("2 x invisible character",)),
        ("a\nb", "a b", ()),
        ("e" + "\u0301" * 256, "e" + "\u0301" * 256, ()),
    ],
)
def test_a_title_is_one_line_of_what_is_seen(title, expected, removed):
    visible = sanitize_line(title)
    assert (visible.text, visible.removed) == (expected, removed)


def filled(unit, size=65_536):
    return unit * (size // len(unit))


NESTED = {
    "comments in comments": "<!-" * 9_000 + "<!-- x -->" + "- x -->" * 4_000,
    "tags in tags": "<b" * 20_000 + " hidden" + ">" * 20_000,
    "hidden in hidden": "<div hidden>" * 3_000 + "</div>" * 3_000,
    "titles in titles": '](a "' * 7_000 + '")' * 7_000,
    "images in images": "![" * 12_000 + "](u)" * 9_000,
    "entities in entities": "&#8" * 9_000 + "203;" * 9_000,
    **{
        f"only {unit!r}": filled(unit)
        for unit in (
            "<a hidden ",
            "<a hidden>",
            "<script ",
            "<script>",
            "<!--",
            "</ ",
            "<a '> \"> ",
            '<a ="> ',
            "![",
            "![a](",
            '](a "x',
            "](a (b\\",
            "[a]: b\n",
            '[a]: b "\n',
            "[^a]: b\n",
            "> [a]:\n",
            "> - ",
            "1. ",
            "[",
            "[]",
            "&#8",
            " \n",
            "\u200b",
        )
    },
}


@pytest.mark.parametrize("name", NESTED)
def test_adversarial_nesting_ends_after_few_passes_at_a_fixpoint(name, monkeypatch):
    passes = []
    real = sanitizing._pass

    def counted(text, found):
        passes.append(len(text))
        return real(text, found)

    monkeypatch.setattr(sanitizing, "_pass", counted)
    visible = sanitize(NESTED[name])
    assert len(passes) <= MAX_PASSES + 5
    assert len(visible.text) <= len(NESTED[name])
    again = sanitize(visible.text)
    assert (again.text, again.removed) == (visible.text, ())


def test_nesting_beyond_the_limit_is_reported():
    assert "markup nested too deep" in sanitize(NESTED["titles in titles"]).removed


PIECES = st.sampled_from([
    *("<", ">", "!", "[", "]", "(", ")", "--", "<!--", "-->", "![", "](", "]:", '"', "'", "\\", "\n", "\n\n", " ", "a"),
    *("<div hidden>", "</div>", "<script>", "</script>", "<p>", "style=", "&#8203;", "&#", ";", "[^1]:", "[a]: b"),
    *("\u200b", "\ufe0f", "\U000e0041", "\ud800", "# ", "> ", "- ", "<a ", "=", "x.org", "\N{GRINNING FACE}", "`"),
])  # fmt: skip
MARKUP = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60)


@settings(max_examples=300, deadline=None)
@given(MARKUP)
@example("<<!---->script>x</script>")
@example("![![a](b)](c)")
@example('[a](b "c](d "e")")')
def test_the_result_is_a_fixpoint_without_anything_unseen(text):
    visible = sanitize(text)
    again = sanitize(visible.text)
    assert (again.text, again.removed) == (visible.text, ())
    assert "<!" not in visible.text
    assert "<script" not in visible.text.lower()
    assert "&#8203;" not in visible.text
    for character in visible.text:
        assert character in "\n\t" or unicodedata.category(character) not in {"Cf", "Cc", "Cs", "Co", "Cn"}
        assert not 0xFE00 <= ord(character) <= 0xFE0F
        assert not 0xE0000 <= ord(character) <= 0xE0FFF


@settings(max_examples=200, deadline=None)
@given(MARKUP)
def test_nothing_is_taken_out_silently(text):
    visible = sanitize(text)
    if not visible.removed:
        assert visible.text == text.replace("\r\n", "\n").replace("\r", "\n")


WORDS = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789 .,;?'\"()*_-+=/#@\n", max_size=300)


@settings(max_examples=200, deadline=None)
@given(WORDS)
def test_plain_prose_is_untouched(text):
    if "\n\n\n\n\n\n" not in text:
        visible = sanitize(text)
        assert (visible.text, visible.removed) == (text, ())


@settings(max_examples=200, deadline=None)
@given(MARKUP)
def test_a_line_stays_a_line_and_a_fixpoint(text):
    once = sanitize_line(text).text
    assert sanitize_line(once).text == once
    assert "\n" not in once


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([text for text, _, _ in HOSTILE]), st.sampled_from([text for text, _, _ in HOSTILE]))
def test_two_tricks_together_hide_no_more_than_each_alone(one, two):
    # In raw HTML a tag that is not closed swallows the next one as if it were an attribute, and what stood in that
    # element is then shown: to browsers as here.
    assume(not ("<pre" in one and one.count("<") > one.count(">")))
    visible = sanitize(f"{one}\n\n{two}")
    assert visible.removed
    assert "database" not in visible.text
