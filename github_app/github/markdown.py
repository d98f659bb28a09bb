"""What somebody said in their own words: the plain paragraphs of a comment, as a reader of the page sees them.

A command is looked for in these only. Text in quotes, lists, code, headings, tables, HTML, links or emphasis, and text
behind raw HTML (which may fold or hide it) is not somebody's plain word. https://github.github.com/gfm/
"""

from functools import lru_cache
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

LONGEST: Final = 65_536


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def paragraphs(body: str) -> tuple[tuple[str, ...], bool]:
    """Return the text of each plain top-level paragraph, and whether the body is one such paragraph and nothing else.

    Lines inside a paragraph are joined by a newline. A body longer than GitHub allows has none.
    """
    if len(body) > LONGEST:
        return (), False
    seen: dict[str, Any] = {}
    tokens = _parser().parse(body, seen)
    plain: list[str] = []
    for index, token in enumerate(tokens):
        if _is_html(token):
            # what follows may be folded away or hidden by it
            break
        if token.type == "inline" and token.level == 1 and tokens[index - 1].type == "paragraph_open":
            text = _plain(token)
            if text is not None:
                plain.append(text)
    blocks = sum(1 for token in tokens if token.level == 0 and token.nesting >= 0)
    alone = len(plain) == 1 and blocks == 1 and not seen.get("references")
    return tuple(plain), alone


def _is_html(token: Token) -> bool:
    if token.type == "html_block":
        return not _is_comment(token.content)
    return any(child.type == "html_inline" and not _is_comment(child.content) for child in token.children or ())


def _is_comment(html: str) -> bool:
    text = html.strip()
    return text.startswith("<!--") and text.endswith("-->") and text.count("-->") == 1


def _plain(inline: Token) -> str | None:
    """Return the paragraph's text when it is exactly what was typed, else None (entities and escapes included)."""
    parts: list[str] = []
    for child in inline.children or ():
        match child.type:
            case "text":
                parts.append(child.content)
            case "softbreak":
                parts.append("\n")
            case _:
                return None
    text = "".join(parts)
    typed = "\n".join(line.strip(" \t") for line in inline.content.split("\n"))
    return text if text == typed else None
