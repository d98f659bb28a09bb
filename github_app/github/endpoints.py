"""Every call Remit can make to GitHub, in one table; nothing else in the package builds a path.

What is not in this table cannot be done: there is no merge, no approval, no "ready for review", no dismissal, no branch
deletion, no secrets, no actions, no administration. `app.yml` asks for exactly `permissions()`.
https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from urllib.parse import quote


class Key(StrEnum):
    """Who the call is made as."""

    NOBODY = "nobody"
    APP = "app"  # the App's own JWT
    INSTALLATION = "installation"  # a token for one repository
    USER = "user"  # a person signed in on the dashboard


class Method(StrEnum):
    """The HTTP methods in use."""

    GET = "GET"
    POST = "POST"
    PATCH = "PATCH"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call. `template` is below the API's root; `permissions` is what a token must carry, as `name: level`.

    `reads`: sending it twice changes nothing. `writes_content`: it makes text that people are notified of, which GitHub
    limits apart (80 a minute, 500 an hour). `gone`: a 404 or 410 means that the installation or repository is gone.
    """

    name: str
    method: Method
    template: str
    key: Key
    permissions: Mapping[str, str]
    writes_content: bool
    reads: bool
    gone: bool

    def path(self, **parts: str | int) -> str:
        """Return the path with every part quoted. Raises ValueError when a part could lead anywhere else."""
        return self.template.format_map({name: _quoted(name, str(value)) for name, value in parts.items()})


_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_NUMBER = re.compile(r"[0-9]{1,19}")
_TEXT = frozenset({"login", "label", "path", "branch", "range", "code"})


def _quoted(name: str, value: str) -> str:
    if name in {"owner", "repo"}:
        fits = _NAME.fullmatch(value) is not None and value not in {".", ".."}
    elif name in _TEXT:
        fits = bool(value) and all(part not in {"", ".", ".."} for part in value.split("/")) and value.isprintable()
    else:
        fits = _NUMBER.fullmatch(value) is not None
    if not fits:
        raise ValueError(f"not a {name} that can stand in a path: {value!r}")
    return quote(value, safe="/" if name in {"path", "branch"} else "")


_REPOSITORY = "/repos/{owner}/{repo}"
_ISSUE = _REPOSITORY + "/issues/{number}"
_PULL = _REPOSITORY + "/pulls/{number}"
_METADATA = "metadata:read"
_READ_ISSUES, _WRITE_ISSUES = "issues:read", "issues:write"
_READ_PULLS, _WRITE_PULLS = "pull_requests:read", "pull_requests:write"
_READ_CONTENTS = "contents:read"


def _endpoint(
    name: str,
    line: str,
    *permissions: str,
    key: Key = Key.INSTALLATION,
    content: bool = False,
    reads: bool | None = None,
    gone: bool = False,
) -> Endpoint:
    method, template = line.split(" ", 1)
    return Endpoint(
        name=name,
        method=Method(method),
        template=template,
        key=key,
        permissions=MappingProxyType(dict(p.split(":", 1) for p in permissions)),
        writes_content=content,
        reads=method == Method.GET if reads is None else reads,
        gone=gone,
    )


_ALL: Final = (
    # as the App: https://docs.github.com/en/rest/apps/apps and .../apps/webhooks
    _endpoint("app", "GET /app", key=Key.APP),
    _endpoint("installations", "GET /app/installations", key=Key.APP),
    _endpoint("installation", "GET /app/installations/{installation_id}", key=Key.APP, gone=True),
    _endpoint("repository_installation", f"GET {_REPOSITORY}/installation", key=Key.APP, gone=True),
    _endpoint("mint_token", "POST /app/installations/{installation_id}/access_tokens", key=Key.APP, gone=True),
    _endpoint("hook_config", "GET /app/hook/config", key=Key.APP),
    _endpoint("deliveries", "GET /app/hook/deliveries", key=Key.APP),
    _endpoint("delivery", "GET /app/hook/deliveries/{delivery_id}", key=Key.APP),
    _endpoint("redeliver", "POST /app/hook/deliveries/{delivery_id}/attempts", key=Key.APP),
    # before the App exists, and as a person: https://docs.github.com/en/apps/sharing-github-apps
    _endpoint("convert_manifest", "POST /app-manifests/{code}/conversions", key=Key.NOBODY),
    _endpoint("signed_in_user", "GET /user", key=Key.USER),
    _endpoint("seen_repository", "GET /repositories/{repository_id}", key=Key.USER),
    # as an installation, about itself
    _endpoint("installation_repositories", "GET /installation/repositories", _METADATA),
    _endpoint("revoke_token", "DELETE /installation/token"),
    _endpoint("user", "GET /users/{login}", _METADATA),
    # reading a repository
    _endpoint("graphql", "POST /graphql", _METADATA, _READ_ISSUES, _READ_PULLS, _READ_CONTENTS, reads=True),
    _endpoint("repository", f"GET {_REPOSITORY}", _METADATA, gone=True),
    _endpoint("repository_by_id", "GET /repositories/{repository_id}", _METADATA, gone=True),
    _endpoint("permission", f"GET {_REPOSITORY}/collaborators/{{login}}/permission", _METADATA),
    _endpoint("branch", f"GET {_REPOSITORY}/branches/{{branch}}", _READ_CONTENTS),
    _endpoint("file", f"GET {_REPOSITORY}/contents/{{path}}", _READ_CONTENTS),
    _endpoint("compare", f"GET {_REPOSITORY}/compare/{{range}}", _READ_CONTENTS),
    # issues: https://docs.github.com/en/rest/issues
    _endpoint("issues", f"GET {_REPOSITORY}/issues", _READ_ISSUES),
    _endpoint("comments", f"GET {_ISSUE}/comments", _READ_ISSUES),
    _endpoint("comment", f"GET {_REPOSITORY}/issues/comments/{{comment_id}}", _READ_ISSUES),
    _endpoint("create_comment", f"POST {_ISSUE}/comments", _WRITE_ISSUES, content=True),
    _endpoint("edit_comment", f"PATCH {_REPOSITORY}/issues/comments/{{comment_id}}", _WRITE_ISSUES, content=True),
    _endpoint("react_to_issue", f"POST {_ISSUE}/reactions", _WRITE_ISSUES),
    _endpoint("react_to_comment", f"POST {_REPOSITORY}/issues/comments/{{comment_id}}/reactions", _WRITE_ISSUES),
    _endpoint("issue_labels", f"GET {_ISSUE}/labels", _READ_ISSUES),
    _endpoint("add_labels", f"POST {_ISSUE}/labels", _WRITE_ISSUES),
    _endpoint("remove_label", f"DELETE {_ISSUE}/labels/{{label}}", _WRITE_ISSUES),
    _endpoint("label", f"GET {_REPOSITORY}/labels/{{label}}", _READ_ISSUES),
    _endpoint("create_label", f"POST {_REPOSITORY}/labels", _WRITE_ISSUES),
    # pull requests: https://docs.github.com/en/rest/pulls
    _endpoint("pulls", f"GET {_REPOSITORY}/pulls", _READ_PULLS),
    _endpoint("pull", f"GET {_PULL}", _READ_PULLS),
    _endpoint("open_pull", f"POST {_REPOSITORY}/pulls", _WRITE_PULLS, content=True),
    _endpoint("edit_pull", f"PATCH {_PULL}", _WRITE_PULLS, content=True),
    _endpoint("reviews", f"GET {_PULL}/reviews", _READ_PULLS),
    _endpoint("one_review", f"GET {_PULL}/reviews/{{review_id}}", _READ_PULLS),
    _endpoint("review", f"POST {_PULL}/reviews", _WRITE_PULLS, content=True),
    _endpoint("review_comment", f"GET {_REPOSITORY}/pulls/comments/{{comment_id}}", _READ_PULLS),
    _endpoint("react_to_review_comment", f"POST {_REPOSITORY}/pulls/comments/{{comment_id}}/reactions", _WRITE_PULLS),
)

ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType({endpoint.name: endpoint for endpoint in _ALL})

READ: Final[Mapping[str, str]] = MappingProxyType(
    {"metadata": "read", "contents": "read", "issues": "read", "pull_requests": "read"}
)
SPEAK: Final[Mapping[str, str]] = MappingProxyType({**READ, "issues": "write", "pull_requests": "write"})
FETCH: Final[Mapping[str, str]] = MappingProxyType({"metadata": "read", "contents": "read"})
PUSH: Final[Mapping[str, str]] = MappingProxyType({"metadata": "read", "contents": "write"})


def permissions() -> dict[str, str]:
    """Return everything the App must be granted: what the calls need, and pushing our own branches."""
    union = dict(PUSH)
    for endpoint in _ALL:
        for name, level in endpoint.permissions.items():
            union[name] = "write" if "write" in {level, union.get(name)} else level
    return dict(sorted(union.items()))
