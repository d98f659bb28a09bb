"""Lists that GitHub gives in pages: read to their end, or not at all.

https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from github_app.errors import GitHubRefusedError, GitHubUnreachableError

PER_PAGE: Final = 100
MOST_PAGES: Final = 50

_NEXT = re.compile(r'<([^<>]{1,4000})>\s*;\s*rel="next"')


def pages(ask: Callable[[Mapping[str, str | int]], Any], what: str) -> Iterator[list[Any]]:
    """Yield page after page of `ask(query)`.

    Raises GitHubRefusedError when there are more than 5,000 entries: a list that was not read to its end must not look
    as if it had been.
    """
    for number in range(1, MOST_PAGES + 1):
        page = ask({"per_page": PER_PAGE, "page": number})
        if not isinstance(page, list):
            raise GitHubUnreachableError(f"GitHub's answer to {what} is not a list")
        yield page
        if len(page) < PER_PAGE:
            return
    raise GitHubRefusedError(f"more than {PER_PAGE * MOST_PAGES} {what}: not read to the end", status=200)


def every_page(ask: Callable[[Mapping[str, str | int]], Any], what: str) -> list[Any]:
    """Return all entries of all pages. Raises as `pages`."""
    return [entry for page in pages(ask, what) for entry in page]


def next_cursor(link: str) -> str | None:
    """Return the cursor of the next page named by a Link header, None on the last page."""
    found = _NEXT.search(link)
    if found is None:
        return None
    return next(iter(parse_qs(urlsplit(found[1]).query).get("cursor", [])), None)
