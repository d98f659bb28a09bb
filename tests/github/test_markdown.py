import pytest

from github_app.github.markdown import LONGEST, paragraphs

PLAIN = [
    ("/approve", ("/approve",), True),
    ("/approve 0123456789ab\n", ("/approve 0123456789ab",), True),
    ("   /approve", ("/approve",), True),
    ("\r\n/approve\r\n", ("/approve",), True),
    ("/approve\nplease", ("/approve\nplease",), True),
    ("thanks!\n\n/approve", ("thanks!", "/approve"), False),
    ("/approve\n\n/approve", ("/approve", "/approve"), False),
    ("/approve\n\n> quoted", ("/approve",), False),
    ("/approve\n\n---", ("/approve",), False),
    ("/approve\n\n```\nx\n```", ("/approve",), False),
    ("<!-- note -->\n\n/approve", ("/approve",), False),
    ("[a]: https://b.example\n\n/approve", ("/approve",), False),
    ("please do not /approve", ("please do not /approve",), True),
    ("https://x.example/approve", ("https://x.example/approve",), True),
    ("\u200b/approve", ("\u200b/approve",), True),
    ("\uff0fapprove", ("\uff0fapprove",), True),
    ("/\u0430pprove", ("/\u0430pprove",), True),
    ("/approve\x00", ("/approve\ufffd",), True),
]

NOT_PLAIN = [
    "",
    "  \n ",
    "> /approve",
    ">/approve\n> now",
    "> [!NOTE]\n> /approve",
    "- /approve",
    "1. /approve",
    "- [ ] /approve",
    "- a\n\n  /approve",
    "    /approve",
    "\t/approve",
    "`/approve`",
    "```\n/approve\n```",
    "~~~\n/approve",
    "<!-- /approve -->",
    "<!--\n\n/approve\n\n-->",
    "<!-- a --> /approve",
    "<!--\n/approve",
    "# /approve",
    "/approve\n===",
    "/approve\n---",
    "[/approve](https://x.example)",
    "![/approve](x.png)",
    "**/approve**",
    "_/approve_",
    "~~/approve~~",
    "/approve *now*",
    "/approve [now](x)",
    "/approve `now`",
    "/approve <!-- x -->",
    "<b>/approve</b>",
    "<div hidden>\n\n/approve\n\n</div>",
    "<details>\n<summary>x</summary>\n\n/approve\n\n</details>",
    "text <details>\n\n/approve",
    "a | b\n--|--\n/approve | x",
    "[^1]: /approve",
    "&#47;approve",
    "\\/approve",
    "/approve\\\nnow",
    "/approve  \nnow",
    "<https://x.example>",
    "/approve" + " " * LONGEST,
]


@pytest.mark.parametrize(("body", "expected", "alone"), PLAIN)
def test_t11_a_plain_paragraph_is_heard_as_it_was_typed(body, expected, alone):
    assert (expected, alone) == paragraphs(body)


@pytest.mark.parametrize("body", NOT_PLAIN)
def test_t11_what_is_not_a_plain_paragraph_is_not_heard(body):
    assert paragraphs(body) == ((), False)


@pytest.mark.parametrize("unit", ["[", "![", "> ", "*a ", "<!--", "|-", "- ", "&", "[a](", "a\n", "`", "\\"])
def test_t45_a_body_as_long_as_github_allows_is_read_to_its_end(unit):
    heard, _ = paragraphs("/approve\n\n" + unit * ((LONGEST - 20) // len(unit)))
    assert "/approve" in heard[:1]
