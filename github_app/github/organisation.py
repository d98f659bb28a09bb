"""The policy file of an owner: `.github/remit.yml` on the default branch of their repository called `.github`.

Asked once for each owner and minute. A token for that one repository is minted where the installation has it; where
not, it is looked for as anybody could: a public one counts all the same, a private one cannot be seen and does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from github_app.core.names import InstallationId, RepositoryId, fold
from github_app.errors import GitHubRefusedError, GitHubUnreachableError, LostAccessError
from github_app.github import queries, shapes
from github_app.github.auth import AppAuth, Scope
from github_app.github.endpoints import ENDPOINTS, FETCH, READ

REPOSITORY_NAME: Final = ".github"
TTL_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """What stands at a policy's path; `text` is None for what cannot be read as a policy.

    That is a directory, a binary file, or a file larger than GitHub shows.
    """

    path: str
    text: str | None
    oid: str

    @classmethod
    def of(cls, path: str, found: shapes.Object | None) -> "PolicyFile | None":
        """Return the file as GitHub showed it; None when there is none."""
        if found is None:
            return None
        readable = found.typename == "Blob" and found.is_binary is not True and not found.is_truncated
        return cls(path=path, text=found.text if readable else None, oid=found.oid)


class Organisations:
    """The policy files of all owners; thread-safe. `ttl` is in seconds by the wire's clock; 0 asks every time."""

    def __init__(self, auth: AppAuth, *, ttl: float = TTL_SECONDS) -> None:
        self._auth = auth
        self._ttl = ttl
        self._known: dict[tuple[InstallationId, str], tuple[float, PolicyFile | None]] = {}
        self._lock = Lock()

    def policy_file(
        self, installation_id: InstallationId, repository_id: RepositoryId, owner: str, path: str
    ) -> PolicyFile | None:
        """Return an owner's policy file, at most `ttl` old; None when there is none.

        `repository_id` is the repository it is asked for. Raises what GitHub not being able to say raises: that must
        never look like an owner without a policy.
        """
        key, now = (installation_id, fold(owner)), self._auth.wire.clock()
        with self._lock:
            self._known = {k: kept for k, kept in self._known.items() if 0 <= now - kept[0] < self._ttl}
            if key in self._known:
                return self._known[key][1]
        found = self._ask(installation_id, repository_id, owner, path)
        with self._lock:
            self._known[key] = (now, found)
        return found

    def _ask(
        self, installation_id: InstallationId, repository_id: RepositoryId, owner: str, path: str
    ) -> PolicyFile | None:
        own = Scope.of(installation_id, None, FETCH, repository_name=REPOSITORY_NAME)
        try:
            self._auth.tokens.get(own)
        except LostAccessError as error:
            if error.status != 422:  # 422: the installation lives and does not have this repository
                raise
        else:
            return self._look(own, owner, path)
        try:
            return self._look(Scope.of(installation_id, repository_id, READ), owner, path)
        except GitHubUnreachableError:
            raise
        except GitHubRefusedError:
            return None  # not public: not ours to see

    def _look(self, scope: Scope, owner: str, path: str) -> PolicyFile | None:
        variables = {"owner": owner, "name": REPOSITORY_NAME, "policy": f"HEAD:{path}"}
        body = {"query": queries.POLICY_FILE, "variables": variables}
        try:
            said = self._auth.wire.patiently(
                ENDPOINTS["graphql"], lambda: self._auth.call_as_installation(scope, "graphql", body=body)
            )
        except LostAccessError as error:
            if error.status != 404:
                raise
            return None
        return file_in(said.json, f"{owner}/{REPOSITORY_NAME}", path)


def file_in(said: Any, full_name: str, path: str) -> PolicyFile | None:
    """Return the policy file in an answer to `queries.POLICY_FILE`.

    A repository that has another name now is only found by its old one, and is not the owner's policy any more.
    """
    found = said.get("data", {}).get("repository") if isinstance(said, Mapping) else None
    about = shapes.read(shapes.PolicyFacts, found, "policy_file")
    if fold(about.name_with_owner) != fold(full_name):
        return None
    return PolicyFile.of(f"{about.name_with_owner}/{path}", about.policy)
