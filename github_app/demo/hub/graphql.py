"""GraphQL: GitHub's own field names over the same records; what the schema does not have fails validation.

https://docs.github.com/en/graphql/reference
"""

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from github_app.demo.hub import accounts, pull_shapes, pulls, shapes
from github_app.demo.hub.apps import LEVELS
from github_app.demo.hub.bare import Entry
from github_app.demo.hub.credentials import reaches
from github_app.demo.hub.records import Account, Installation, Issue, Label, Repository, TimelineItem, Token
from github_app.demo.hub.world import World, node_id

Json = dict[str, Any]
TIMELINE = {
    "labeled": "LabeledEvent",
    "unlabeled": "UnlabeledEvent",
    "renamed": "RenamedTitleEvent",
    "transferred": "TransferredEvent",
    "closed": "ClosedEvent",
    "reopened": "ReopenedEvent",
    "locked": "LockedEvent",
    "unlocked": "UnlockedEvent",
    "assigned": "AssignedEvent",
    "unassigned": "UnassignedEvent",
}
TEXT_LIMIT = 512_000


@functools.cache
def schema() -> GraphQLSchema:
    """Return the schema, built once."""
    return build_schema((Path(__file__).parent / "schema.graphql").read_text())


class FailedError(GraphQLError):
    """An error that carries GitHub's `type`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def answer(world: World, token: Token, installation: Installation, body: Any, remaining: int) -> Json:
    """Return the JSON answer to a GraphQL request."""
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        return {"errors": [{"message": "A query attribute must be specified and must be a string."}]}
    document, problems = _read(body["query"])
    if document is None or problems:
        return {"errors": [_error(one) for one in problems]}
    root = Root(world, token, installation, remaining)
    variables = body.get("variables") or {}
    result = execute_sync(schema(), document, root, variable_values=variables, operation_name=body.get("operationName"))
    said: Json = {"data": result.data}
    if result.errors:
        for one in result.errors:
            if one.original_error is not None and not isinstance(one.original_error, GraphQLError):
                raise one.original_error
        said["errors"] = [_error(one) for one in result.errors]
    return said


@functools.lru_cache(maxsize=64)
def _read(query: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
    """Parse and validate a query, once for each text: clients ask the same few again and again."""
    try:
        document = parse(query)
    except GraphQLError as problem:
        return None, (problem,)
    return document, tuple(validate(schema(), document))


def _error(problem: GraphQLError) -> Json:
    shape: Json = {}
    origin = problem.original_error if isinstance(problem.original_error, FailedError) else problem
    if isinstance(origin, FailedError):
        shape["type"] = origin.kind
    if problem.path:
        shape["path"] = problem.path
    if problem.locations:
        shape["locations"] = [{"line": one.line, "column": one.column} for one in problem.locations]
    return shape | {"message": problem.message}


def connection(items: Sequence[Any], *, first: int | None = None, last: int | None = None, **rest: Any) -> Json:
    """Return a page of a list; GitHub demands `first` or `last` between 1 and 100."""
    if first is None and last is None:
        raise FailedError(
            "MISSING_PAGINATION_BOUNDARIES", "You must provide a `first` or `last` value to properly paginate."
        )
    wanted = first if first is not None else last or 0
    if not 1 <= wanted <= 100:
        raise FailedError("EXCESSIVE_PAGINATION", f"Requesting {wanted} records exceeds the limit of 100 records.")
    start, end = 0, len(items)
    if rest.get("after"):
        start = int(rest["after"])
    if rest.get("before"):
        end = min(end, int(rest["before"]) - 1)
    if first is not None:
        end = min(end, start + first)
    else:
        start = max(start, end - wanted)
    chosen = list(items[start:end])
    return {
        "nodes": chosen,
        "totalCount": len(items),
        "pageInfo": {
            "hasNextPage": end < len(items),
            "hasPreviousPage": start > 0,
            "startCursor": str(start + 1) if chosen else None,
            "endCursor": str(end) if chosen else None,
        },
    }


class Root:
    """The query root, for one token."""

    def __init__(self, world: World, token: Token, installation: Installation, remaining: int) -> None:
        self.world, self.token, self.installation, self.remaining = world, token, installation, remaining

    def _need(self, *names: str) -> None:
        if not any(LEVELS.index(self.token.permissions.get(name, "none")) for name in names):
            raise FailedError("FORBIDDEN", "Resource not accessible by integration")

    def rateLimit(self, _info: GraphQLResolveInfo, **_rest: Any) -> Json:  # noqa: N802 - GitHub's name
        """Answer with the points left."""
        return {
            "cost": 1,
            "limit": 5000,
            "nodeCount": 1,
            "remaining": self.remaining,
            "used": 5000 - self.remaining,
            "resetAt": self.world.now(),
        }

    def repository(self, _info: GraphQLResolveInfo, owner: str, name: str, **_rest: Any) -> Json | None:
        """Answer with a repository; after a rename the old name still finds it."""
        full = f"{owner}/{name}"
        found = self.world.repository(full)
        if found is None:
            found = self.world.state.repositories.get(self.world.state.former_names.get(full.lower(), 0))
        if found is None or not (reaches(self.token, self.installation, found) or not found.private):
            raise FailedError("NOT_FOUND", f"Could not resolve to a Repository with the name '{full}'.")
        return self._repository(found)

    def _repository(self, one: Repository) -> Json:
        world, full = self.world, self.world.full_name(one)
        return {
            "__typename": "Repository",
            "id": node_id("R", one.id),
            "databaseId": one.id,
            "name": one.name,
            "nameWithOwner": full,
            "owner": self._account(one.owner_id),
            "isPrivate": one.private,
            "isArchived": one.archived,
            "isDisabled": False,
            "isFork": one.fork,
            "hasIssuesEnabled": one.has_issues,
            "url": f"{world.url}/{full}",
            "defaultBranchRef": lambda _info: self._default_branch(one),
            "object": lambda _info, expression=None, oid=None: self._object(one, expression, oid),
            "issue": lambda _info, number: self._numbered(one, number, "issue"),
            "pullRequest": lambda _info, number: self._numbered(one, number, "pull request"),
            "issueOrPullRequest": lambda _info, number: self._numbered(one, number, "issue or pull request"),
        }

    def _default_branch(self, one: Repository) -> Json | None:
        self._need("contents")
        tip = self.world.bare(one).branch(one.default_branch)
        if tip is None:
            return None
        return {
            "id": node_id("REF", one.id),
            "name": one.default_branch,
            "prefix": "refs/heads/",
            "target": self._commit(one, tip),
        }

    def _commit(self, one: Repository, sha: str) -> Json:
        facts = self.world.bare(one).commit(sha)
        common = {"__typename": "Commit", "id": f"C_{sha}", "oid": sha, "abbreviatedOid": sha[:7]}
        return common | {"message": facts.message, "committedDate": facts.committer[2]}

    def _object(self, one: Repository, expression: str | None, oid: str | None) -> Json | None:
        self._need("contents")
        bare = self.world.bare(one)
        revision, colon, path = (expression or oid or "").partition(":")
        commit = bare.resolve(revision)
        if commit is None:
            return None
        if not colon:
            return self._commit(one, commit)
        found = bare.entry(commit, path)
        if found is None:
            return None
        if found.kind != "blob":
            return {"__typename": "Tree", "id": f"T_{found.sha}", "oid": found.sha, "abbreviatedOid": found.sha[:7]}
        return _blob(found, bare.blob(found.sha))

    def _numbered(self, one: Repository, number: int, kind: str) -> Json:
        found = one.issues.get(number)
        missing = FailedError("NOT_FOUND", f"Could not resolve to an {kind} with the number of {number}.")
        if kind in ("issue", "pull request"):
            missing = FailedError("NOT_FOUND", f"Could not resolve to {_TITLES[kind]} with the number of {number}.")
        if found is None or (kind == "issue" and found.pull) or (kind == "pull request" and not found.pull):
            raise missing
        self._need(*(("issues", "pull_requests") if found.pull else ("issues",)))
        return self._pull(one, found) if found.pull else self._issue(one, found)

    def _account(self, account_id: int | None) -> Json | None:
        found = None if account_id is None else self.world.state.accounts.get(account_id)
        if found is None or found.deleted:
            return None
        return _account(self.world, found)

    def _said(self, where: Repository, one: Issue) -> Json:
        kind = "pull" if one.pull else "issues"
        labels = [_label(label) for label in where.labels if label.name in one.labels]
        return {
            "id": node_id("PR" if one.pull else "I", one.id),
            **_database_ids(one.pull.id if one.pull else one.id),
            "number": one.number,
            "title": one.title,
            "body": one.body or "",
            "locked": one.locked,
            "closed": one.state == "closed",
            "createdAt": one.created_at,
            "updatedAt": one.updated_at,
            "closedAt": one.closed_at,
            "lastEditedAt": one.body_edited_at,
            "url": f"{self.world.url}/{self.world.full_name(where)}/{kind}/{one.number}",
            "author": self._account(one.author_id),
            "authorAssociation": accounts.association(self.world, where, one.author_id),
            "editor": self._account(one.body_editor_id),
            "labels": _paged(lambda: labels),
        }

    def _issue(self, where: Repository, one: Issue) -> Json:
        def timeline(_info: GraphQLResolveInfo, **wanted: Any) -> Json:
            kinds = wanted.pop("itemTypes", None)
            kept = [
                self._event(where, item)
                for item in one.timeline
                if item.event in TIMELINE and (kinds is None or _item_type(item) in kinds)
            ]
            return connection(kept, **wanted)

        def comments() -> list[Json]:
            return [
                {
                    "__typename": "IssueComment",
                    "id": node_id("IC", said.id),
                    **_database_ids(said.id),
                    "body": said.body,
                    "author": self._account(said.author_id),
                    "createdAt": said.created_at,
                    "updatedAt": said.updated_at,
                    "url": shapes.comment(self.world, where, one, said)["html_url"],
                }
                for said in one.comments
            ]

        def closing(_info: GraphQLResolveInfo, **wanted: Any) -> Json:
            closed_too = wanted.pop("includeClosedPrs", False)
            found = [
                self._pull(where, other)
                for other in where.issues.values()
                if other.pull
                and one.number in pulls.closes(other)
                and (closed_too or other.state == "open" or other.pull.merged_at)
                and other.pull.base_ref == where.default_branch
            ]
            return connection(found, **wanted)

        assigned = [person for who in one.assignees if (person := self._account(who))]
        return self._said(where, one) | {
            "__typename": "Issue",
            "state": one.state.upper(),
            "stateReason": one.state_reason.upper() if one.state_reason else None,
            "assignees": _paged(lambda: assigned),
            "timelineItems": timeline,
            "comments": _paged(comments),
            "closedByPullRequestsReferences": closing,
        }

    def _pull(self, where: Repository, one: Issue) -> Json:
        extra = pull_shapes.pull_of(one)
        state = "MERGED" if extra.merged_at else one.state.upper()

        def mergeable(_info: GraphQLResolveInfo) -> str:
            bare = self.world.bare(where)
            tip = bare.branch(extra.base_ref)
            if one.state != "open" or tip is None:
                return "UNKNOWN"
            return "MERGEABLE" if bare.merges_cleanly(tip, extra.head_sha) else "CONFLICTING"

        merge = extra.merge_commit_sha
        return self._said(where, one) | {
            "__typename": "PullRequest",
            "state": state,
            "isDraft": extra.draft,
            "merged": extra.merged_at is not None,
            "mergedAt": extra.merged_at,
            "mergeCommit": lambda _info: self._commit(where, merge) if merge else None,
            "mergeable": mergeable,
            "headRefName": extra.head_ref,
            "headRefOid": extra.head_sha,
            "baseRefName": extra.base_ref,
            "baseRefOid": extra.base_sha,
        }

    def _event(self, where: Repository, item: TimelineItem) -> Json:
        shape: Json = {
            "__typename": TIMELINE[item.event],
            "id": node_id("EV", item.id),
            "createdAt": item.created_at,
            "actor": self._account(item.actor_id),
        }
        if item.label:
            known = next((one for one in where.labels if one.name == item.label), None)
            gone = Label(id=item.id, name=item.label, color="ededed", description=None)
            shape["label"] = _label(known or gone)
        if item.event == "renamed":
            shape |= {"currentTitle": item.new, "previousTitle": item.old}
        return shape


_TITLES = {"issue": "an Issue", "pull request": "a PullRequest"}


def _paged(items: Callable[[], Sequence[Any]]) -> Callable[..., Json]:
    def resolve(_info: GraphQLResolveInfo, **wanted: Any) -> Json:
        return connection(items(), **wanted)

    return resolve


def _item_type(item: TimelineItem) -> str:
    name = TIMELINE[item.event].removesuffix("Event")
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in name).strip("_").upper() + "_EVENT"


def _database_ids(number: int) -> Json:
    """Return both forms of an id: GraphQL's Int has 32 bits, GitHub's ids have more, so the old field may be null."""
    return {"databaseId": number if number < 2**31 else None, "fullDatabaseId": str(number)}


def _label(one: Label) -> Json:
    return {"id": node_id("LA", one.id), "name": one.name, "color": one.color, "description": one.description}


def _account(world: World, one: Account) -> Json:
    return {
        "__typename": one.kind,
        "id": node_id("U", one.id),
        # GraphQL names a bot without the suffix that REST adds.
        "login": one.login.removesuffix("[bot]"),
        "databaseId": one.id,
        "url": f"{world.url}/{one.login}",
        "avatarUrl": lambda _info, **_rest: f"{world.url}/avatars/{one.id}",
        "name": None,
    }


def _blob(found: Entry, data: bytes) -> Json:
    binary = b"\0" in data[:8000]
    cut = len(data) > TEXT_LIMIT
    return {
        "__typename": "Blob",
        "id": f"B_{found.sha}",
        "oid": found.sha,
        "abbreviatedOid": found.sha[:7],
        "byteSize": len(data),
        "isBinary": binary,
        "isTruncated": cut,
        "text": None if binary else data[:TEXT_LIMIT].decode(errors="replace"),
    }


def dumps(said: Json) -> bytes:
    """Return an answer as bytes."""
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
