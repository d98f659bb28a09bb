"""What GitHub's answers mean when they are not what was asked for: one function from an answer to one error of ours.

https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
"""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from github_app.errors import GitHubRefusedError, GitHubUnreachableError, LostAccessError, RateLimitedError, RemitError
from github_app.github.endpoints import Endpoint

NOT_FOUND = "GitHub says not found or not permitted"
LONGEST_WAIT = 3_900.0
SHORTEST_SECONDARY_WAIT = 60.0


class UnauthorizedError(GitHubRefusedError):
    """The token or JWT was not accepted; the caller may try once with a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer, read to its end. `json` is None for an empty body; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    json: Any

    @property
    def message(self) -> str:
        """Return what GitHub says in words, with its list of errors, bounded."""
        if not isinstance(self.json, dict):
            return ""
        said = [str(self.json.get("message", ""))]
        errors = self.json.get("errors")
        if isinstance(errors, list):
            said += [_told(error) for error in errors[:5]]
        return "; ".join(part for part in said if part)[:1000]


def refusal(endpoint: Endpoint, answer: Answer, *, now: float) -> RemitError | None:
    """Return the error an answer amounts to, or None when it is a success. `now` is in seconds since the epoch."""
    status, said = answer.status, answer.message
    what = f"{endpoint.name}: {said or 'no reason given'} (HTTP {status})"
    if status < 300:
        return None
    if status in {403, 429} and (wait := _wait(answer, now)) is not None:
        return RateLimitedError(f"GitHub asks to wait {wait:.0f} s ({what})", retry_after=wait)
    match status:
        case 401:
            return UnauthorizedError(f"GitHub does not accept the credentials ({what})", status=status)
        case 403 if "suspended" in said.lower():
            return LostAccessError(f"the installation is suspended ({what})", status=status)
        case 403 if "archived" in said.lower():
            return LostAccessError(f"the repository is archived ({what})", status=status)
        case 403:
            hint = "compare the App's permissions with app.yml and accept pending ones" if "integration" in said else ""
            return GitHubRefusedError(f"GitHub does not permit it ({what})", status=status, hint=hint)
        case 404 | 410 | 451 if endpoint.gone or status == 451:
            return LostAccessError(f"{NOT_FOUND} ({what})", status=status)
        case 422 if endpoint.name == "mint_token" and "repositor" in said:
            return LostAccessError(f"the repository is not part of the installation ({what})", status=status)
        case 422 if endpoint.name == "mint_token":
            hint = "an owner must accept the App's new permissions in the installation's settings"
            return GitHubRefusedError(f"GitHub gives no token ({what})", status=status, hint=hint)
        case 404 | 410:
            return GitHubRefusedError(f"{NOT_FOUND} ({what})", status=status)
        case 408:
            return GitHubUnreachableError(f"GitHub did not finish in time ({what})")
        case _ if status >= 500:
            return GitHubUnreachableError(f"GitHub cannot answer now ({what})")
        case _:
            return GitHubRefusedError(f"GitHub refused ({what})", status=status)


def graphql_refusal(answer: Answer, *, now: float) -> RemitError | None:
    """Return the error inside a GraphQL answer of HTTP 200; None when it is whole, or only the issue is missing.

    Any other error makes the whole answer unusable: half an answer must not look like a permissive one.
    https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
    """
    if not isinstance(answer.json, dict):
        return GitHubUnreachableError("graphql: the answer is not an object")
    errors = answer.json.get("errors") or []
    if not isinstance(errors, list):
        return GitHubUnreachableError("graphql: the list of errors is not a list")
    for error in errors:
        kind = error.get("type") if isinstance(error, dict) else None
        path = error.get("path") if isinstance(error, dict) else None
        told = f"graphql: {_told(error)}"
        match kind:
            case "NOT_FOUND" if path == ["repository", "issueOrPullRequest"]:
                continue
            case "NOT_FOUND" if path == ["repository"]:
                return LostAccessError(f"{NOT_FOUND} ({told})", status=404)
            case "RATE_LIMITED" | "RATE_LIMIT":
                wait = _wait(answer, now) or SHORTEST_SECONDARY_WAIT
                return RateLimitedError(f"GitHub asks to wait {wait:.0f} s ({told})", retry_after=wait)
            case None if "omething went wrong" in told or "respond to your request in time" in told:
                return GitHubUnreachableError(f"GitHub cannot answer now ({told})")
            case _:
                return GitHubRefusedError(f"GitHub refused ({told})", status=answer.status)
    if not isinstance(answer.json.get("data"), dict):
        return GitHubUnreachableError("graphql: the answer has no data")
    return None


def _told(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)[:300]
    where = ".".join(str(error[key]) for key in ("resource", "field") if error.get(key))
    return " ".join(part for part in (where, str(error.get("message") or error.get("code") or "")) if part)[:300]


def _wait(answer: Answer, now: float) -> float | None:
    """Return the seconds GitHub asks to wait, or None when the answer is not about a rate limit."""
    headers, said = answer.headers, answer.message.lower()
    here = http_date(headers.get("date", "")) or now
    secondary = "secondary rate" in said or "abuse detection" in said
    if asked := headers.get("retry-after", ""):
        at = http_date(asked)
        seconds = float(asked) if asked.isdecimal() else SHORTEST_SECONDARY_WAIT if at is None else at - here
        return min(max(seconds, 1.0), LONGEST_WAIT)
    if secondary:
        return SHORTEST_SECONDARY_WAIT
    if headers.get("x-ratelimit-remaining") == "0":
        reset = headers.get("x-ratelimit-reset", "")
        seconds = float(reset) - here if reset.isdecimal() else SHORTEST_SECONDARY_WAIT
        return min(max(seconds, 1.0), LONGEST_WAIT)
    if answer.status == 429 or "rate limit exceeded" in said:
        return SHORTEST_SECONDARY_WAIT
    return None


def http_date(text: str) -> float | None:
    """Return a header's date in seconds since the epoch, None when it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
