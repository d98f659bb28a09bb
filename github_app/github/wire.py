"""One request to GitHub and its answer: the only place that holds githubkit.

A request is sent exactly once; only `patiently` repeats, and only what reads. githubkit's own retries, cache and
redirects are off: it would repeat a POST. Everything here may be used from many threads at once.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final, TypeVar
from urllib.request import getproxies, proxy_bypass

import httpx
from githubkit import GitHubCore
from githubkit.exception import RequestError
from githubkit.response import Response
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random_exponential

from github_app.errors import GitHubRefusedError, GitHubUnreachableError, RateLimitedError
from github_app.github.endpoints import Endpoint, Method
from github_app.github.refusals import Answer, graphql_refusal, http_date, refusal

T = TypeVar("T")

API_VERSION: Final = "2022-11-28"
TIMEOUT: Final = httpx.Timeout(10, connect=5)
REDIRECTS: Final = frozenset({301, 302, 307, 308})
MOST_REDIRECTS: Final = 3


class MovedError(GitHubRefusedError):
    """GitHub knows the repository by another name now; nothing was done."""


class _Kept(httpx.BaseTransport):
    """Connections that outlive the client githubkit makes for each call."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._inner.handle_request(request)

    def end(self) -> None:
        self._inner.close()


class _Core(GitHubCore[Any]):
    """githubkit without its judgement of answers: `refusals` has ours."""

    def _check(self, response: httpx.Response, *_: Any, **__: Any) -> Response[Any]:
        return Response(response, Any)


class Wire:
    """Sends requests below `api_url` and turns answers into values or errors.

    `clock` is in seconds since the epoch; `sleep` is called between tries of a read.
    """

    def __init__(
        self,
        api_url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.clock = clock
        self._root = httpx.URL(self.api_url)
        self._graphql = graphql_url(self.api_url)
        self._sleep = sleep
        self._transport = _Kept(transport or httpx.HTTPTransport(proxy=proxy_for(self.api_url)))
        self._core = _Core(
            None,
            base_url=self.api_url,
            user_agent="remit",
            follow_redirects=False,
            timeout=TIMEOUT,
            transport=self._transport,
            http_cache=False,
            auto_retry=False,
        )
        self._calls: Counter[str] = Counter()
        self._skew: float | None = None
        self._lock = Lock()

    @property
    def calls(self) -> Counter[str]:
        """Return how many requests were sent by now, by endpoint name."""
        with self._lock:
            return self._calls.copy()

    @property
    def skew(self) -> float | None:
        """Return by how many seconds our clock is ahead of GitHub's, by its last answer; None before the first."""
        return self._skew

    def close(self) -> None:
        """Close every connection."""
        self._transport.end()

    def send(
        self,
        endpoint: Endpoint,
        authorization: str,
        parts: Mapping[str, str | int],
        *,
        query: Mapping[str, str | int] | None = None,
        body: Any = None,
    ) -> Answer:
        """Send one request and return a success.

        Raises GitHubUnreachableError (network, time, 5xx, an answer that is not JSON), RateLimitedError,
        UnauthorizedError, LostAccessError, MovedError (a write to a renamed repository: not done) or
        GitHubRefusedError.
        """
        url = self._graphql if endpoint.name == "graphql" else self.api_url + endpoint.path(**parts)
        params = dict(query or {})
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._exchange(endpoint, authorization, url, params, body)
            if answer.status not in REDIRECTS:
                break
            if endpoint.method is not Method.GET:
                raise MovedError(f"GitHub knows it by another name now ({endpoint.name})", status=answer.status)
            url, params = self._within_api(url, answer.headers.get("location", "")), {}
        else:
            raise GitHubUnreachableError(f"GitHub sends us in circles ({endpoint.name})")
        if (problem := refusal(endpoint, answer, now=self.clock())) is not None:
            raise problem
        if endpoint.name == "graphql" and (problem := graphql_refusal(answer, now=self.clock())) is not None:
            raise problem
        return answer

    def patiently(self, endpoint: Endpoint, attempt: Callable[[], T]) -> T:
        """Run `attempt`; when the endpoint only reads, up to three times within seconds while GitHub cannot answer."""
        if not endpoint.reads:
            return attempt()
        retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_attempt(3) | stop_after_delay(15),
            wait=wait_random_exponential(multiplier=0.3, max=3),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(attempt)

    def _exchange(
        self, endpoint: Endpoint, authorization: str, url: str, params: Mapping[str, str | int], body: Any
    ) -> Answer:
        with self._lock:
            self._calls[endpoint.name] += 1
        headers = {"X-GitHub-Api-Version": API_VERSION} | ({"Authorization": authorization} if authorization else {})
        try:
            got = self._core.request(endpoint.method.value, url, params=params or None, json=body, headers=headers)
        except RequestError as error:
            # the request itself, and with it the token, stays out of the sentence
            raise GitHubUnreachableError(
                f"no answer from {self._root.host} ({endpoint.name}: {type(error.exc).__name__})",
                hint="check the network and the API's URL",
            ) from error
        response = got.raw_response
        if (date := http_date(response.headers.get("date", ""))) is not None:
            self._skew = self.clock() - date
        parsed = _parse(endpoint, response)
        return Answer(
            status=response.status_code, headers={k.lower(): v for k, v in response.headers.items()}, json=parsed
        )

    def _within_api(self, url: str, location: str) -> str:
        target = httpx.URL(url).join(location) if location else None
        if target is None or _origin(target) != _origin(self._root) or not target.path.startswith(self._root.path):
            raise GitHubUnreachableError("GitHub sends us somewhere that is not its API; not followed")
        return str(target)


def proxy_for(api_url: str) -> str | None:
    """Return the proxy the environment names for GitHub (HTTPS_PROXY, NO_PROXY); none stands before this machine."""
    url = httpx.URL(api_url)
    if url.host in {"localhost", "127.0.0.1", "::1"} or proxy_bypass(url.host):
        return None
    return getproxies().get(url.scheme)


def graphql_url(api_url: str) -> str:
    """Return where GraphQL lives beside a REST root, on github.com and on GitHub Enterprise Server.

    https://docs.github.com/en/enterprise-server/graphql/guides/forming-calls-with-graphql
    """
    return (
        api_url.rstrip("/").removesuffix("/api/v3")
        + ("/api" if api_url.rstrip("/").endswith("/api/v3") else "")
        + ("/graphql")
    )


def _parse(endpoint: Endpoint, response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except (ValueError, RecursionError):
        if response.is_success:
            raise GitHubUnreachableError(f"the answer is not JSON ({endpoint.name})") from None
        return None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, GitHubUnreachableError) and not isinstance(error, RateLimitedError)
