"""The parts of GitHub's Markdown that a reader of the page does not see, found without rendering it.

When in doubt a thing counts as unseen: taking too much out costs an approval, taking too little out hides orders from
the approver. What browsers do with broken tags: https://html.spec.whatwg.org/multipage/parsing.html#tokenization; what
GitHub takes for raw HTML and for a definition: https://github.github.com/gfm/#html-blocks and
https://github.github.com/gfm/#link-reference-definitions.
"""

import re

# Letters, marks and blanks that have a width of nothing, though Unicode does not call them format characters.
NEVER_SHOWN = frozenset({
    0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0,
})  # fmt: skip

COMMENT = re.compile(r"<!--.*?(?:--!?>|\Z)|<![^>]*(?:>|\Z)|<\?.*?(?:\?>|\Z)|</(?![a-zA-Z])[^>]*(?:>|\Z)", re.DOTALL)
ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")
LINK_TITLE = re.compile(
    r"(\]\(\s*+(?:<[^<>\n]*+>|(?:\\.|[^\s()\\]|\((?:\\.|[^\s()\\])*+\))++))"
    r"\s++(?:\"(?:\\.|[^\"\\])*+\"|'(?:\\.|[^'\\])*+'|\((?:\\.|[^()\\])*+\))\s*+\)",
    re.DOTALL,
)
PADDING = re.compile(r"\n{6,}|[ \t]{200,}|`{100,}|~{100,}")

_UNSEEN = re.compile(
    r"script|style|template|iframe|noscript|svg|math|textarea|title|xmp|noembed|noframes|object|head", re.IGNORECASE
)
_VOID = re.compile(r"area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr", re.IGNORECASE)
_HIDING = re.compile(r"(?<![\w-])(?:hidden|aria-hidden|style|display)(?![\w-])", re.IGNORECASE)
_SIMPLE_TAG = re.compile(
    r"</?(?:b|i|em|strong|code|pre|p|br|hr|ul|ol|li|sub|sup|kbd|details|summary|table|thead|tbody|tr|td|th|h[1-6]"
    r"|blockquote|del|ins|s|dl|dt|dd|samp|var|q)\s*/?>",
    re.IGNORECASE,
)
_AUTOLINK = re.compile(r"<(?:https?://|mailto:)[^\s<>]*>")
_NAME = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
# The rest of a tag: quoted values may hold anything; outside of them it ends at ">", or where its HTML block does.
_VALUES = r"=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))"
_REST = re.compile(rf"(?:{_VALUES}|(?!\n[ \t]*\n)[^>])*+>?")
_REST_IN_PRE = re.compile(rf"(?:{_VALUES}|[^>])*+>?")

_BRACKETS = re.compile(r"\\.|\[|\]|\n[ \t]*+\n", re.DOTALL)
_TARGET = re.compile(
    r"\((?:\\.|\"(?:\\.|[^\"\\])*+\"|'(?:\\.|[^'\\])*+'|\((?:\\.|[^()\\])*+\)|[^()\\])*+\)|\[[^\[\]]*+\]", re.DOTALL
)

_LEAD = r"^([ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++[ \t>]*+)*+)"
_LABEL = r"\[((?!\^)(?:\\.|[^\\\[\]]){1,999}+)\]"
_TITLE = r"(?:\"(?:\\.|[^\"\\\n]|\n(?![ \t]*\n))*+\"|'(?:\\.|[^'\\\n]|\n(?![ \t]*\n))*+'|\((?:\\.|[^()\\])*+\))"
_DEFINITION = re.compile(
    rf"{_LEAD}{_LABEL}:[ \t]*+(?:\n[ \t>]*+)?(<[^<>\n]*+>|\S+)((?:[ \t]++|[ \t]*+\n[ \t>]*+){_TITLE}[ \t]*+$|[^\n]*+)",
    re.MULTILINE | re.DOTALL,
)
_FOOTNOTE = re.compile(
    rf"{_LEAD}\[(\^[^\]\s]{{1,99}})\]:[^\n]*+"
    r"(?:\n(?![ \t]*(?:\n|\Z)|[ \t>]*\[\^)[^\n]*+|\n(?:[ \t]*\n)?(?: {4}|\t)[^\n]*+)*+",
    re.MULTILINE,
)


def drop_tags(text: str, found: dict[str, int]) -> str:
    """Take out every tag that is not plain formatting, and every element that is never shown or hides itself."""
    kept: list[str] = []
    at = 0
    rest = _REST_IN_PRE if "<pre" in text.lower() else _REST
    while (tag := _NAME.search(text, at)) is not None:
        kept.append(text[at : tag.start()])
        simple = _SIMPLE_TAG.match(text, tag.start()) or _AUTOLINK.match(text, tag.start())
        if simple is not None:
            kept.append(simple.group())
            at = simple.end()
            continue
        name = tag.group(2).lower()
        end = _end(rest, text, tag.end())
        what = "HTML tag"
        if not tag.group(1) and _UNSEEN.fullmatch(name):
            what, end = "element that is never shown", _element_end(text, name, end)
        elif not tag.group(1) and _HIDING.search(text, tag.end(), end):
            what, end = "hidden element", end if _VOID.fullmatch(name) else _element_end(text, name, end)
        found[what] = found.get(what, 0) + 1
        at = end
    return "".join(kept) + text[at:]


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()


def _element_end(text: str, name: str, at: int) -> int:
    """Return where an element ends whose opening tag ended at `at`, counting elements of its name inside it."""
    depth = 1
    for tag in _NAME.finditer(text, at):
        if tag.group(2).lower() != name:
            continue
        depth += -1 if tag.group(1) else 1
        if depth == 0:
            closed = text.find(">", tag.end())
            return len(text) if closed < 0 else closed + 1
    return len(text)


def drop_images(text: str, found: dict[str, int]) -> str:
    """Take out images together with their alternative texts; brackets that are no image stay."""
    if "![" not in text:
        return text
    pairs: dict[int, int] = {}
    waiting: list[int] = []
    for token in _BRACKETS.finditer(text):
        if token.group() == "[":
            waiting.append(token.start())
        elif token.group() == "]" and waiting:
            pairs[waiting.pop()] = token.end()
        elif token.group().startswith("\n"):
            waiting.clear()
    defined = {_label(match.group(2)) for match in _DEFINITION.finditer(text)}
    kept: list[str] = []
    at, seek = 0, 0
    while (start := text.find("![", seek)) >= 0:
        closed = pairs.get(start + 1)
        target = None if closed is None else _TARGET.match(text, closed)
        seek = start + 1
        if closed is None or (target is None and _label(text[start + 2 : closed - 1]) not in defined):
            continue
        kept.append(text[at:start] + "(image)")
        at = seek = closed if target is None else target.end()
        found["image with its alternative text"] = found.get("image with its alternative text", 0) + 1
    return "".join(kept) + text[at:]


def drop_definitions(text: str, found: dict[str, int]) -> str:
    """Take out link definitions and footnotes that nothing refers to, and the titles of those that are used."""
    if "]:" not in text:
        return text
    elsewhere = _label(_FOOTNOTE.sub("", _DEFINITION.sub("", text)))

    def used(label: str) -> bool:
        return f"[{_label(label)}]" in elsewhere

    def tell() -> None:
        found["link definition that shows nothing"] = found.get("link definition that shows nothing", 0) + 1

    def link(match: re.Match[str]) -> str:
        lead, label, target, rest = match.groups()
        if not used(label):
            tell()
            return lead.rstrip(" \t")
        if rest.strip():
            tell()
        return f"{lead}[{label}]: {target}" if rest.strip() else match.group()

    def footnote(match: re.Match[str]) -> str:
        if used(match.group(2)):
            return match.group()
        tell()
        return match.group(1).rstrip(" \t")

    return _FOOTNOTE.sub(footnote, _DEFINITION.sub(link, text))


def _label(text: str) -> str:
    return " ".join(text.split()).casefold()
