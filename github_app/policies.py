"""Which policy holds for a repository now: the shipped default, the server's file over it, the repository's over that.

A repository's file that cannot be read gives a policy under which nothing runs and that says where the fault is.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from threading import Lock

from github_app.core.policy import Policy
from github_app.errors import NotConfiguredError, PolicyError
from github_app.github.gather import POLICY_PATH, Gathered
from github_app.policy.layers import Layer, Source
from github_app.policy.read import read_policy

KEPT = 256
OID = "blob"


class Policies:
    """The policies of one server; thread-safe. Raises NotConfiguredError when the server's own file is missing."""

    def __init__(self, server_file: Path | None) -> None:
        self._server: tuple[Source, ...] = ()
        if server_file is not None:
            try:
                raw = server_file.read_bytes()
            except OSError as error:
                raise NotConfiguredError(f"REMIT_POLICY_FILE cannot be read: {error}") from error
            self._server = (Source.of(str(server_file), raw, sha256(raw).hexdigest()[:12], Layer.SERVER),)
        self._base = read_policy(self._server)
        self._known: OrderedDict[str, Policy] = OrderedDict()
        self._lock = Lock()

    @property
    def base(self) -> Policy:
        """Return the policy of a repository that has none of its own."""
        return self._base

    def policy_for(self, gathered: Gathered) -> Policy:
        """Return the policy of the repository that was looked at."""
        if gathered.policy_oid is None:
            return self._base
        return self._cached(gathered.policy_text, gathered.policy_oid)

    def sources_of(self, gathered: Gathered) -> dict[str, str]:
        """Return the texts that a policy was read from, as they are stored with the decisions made under it."""
        texts = {source.path: source.text for source in self._server}
        if gathered.policy_oid is not None and gathered.policy_text is not None:
            texts |= {POLICY_PATH: gathered.policy_text, OID: gathered.policy_oid}
        return texts

    def policy_from(self, sources: Mapping[str, str] | None) -> Policy:
        """Return the policy of stored texts: what was last known of a repository that is not looked at now."""
        if not sources or POLICY_PATH not in sources:
            return self._base
        return self._cached(sources[POLICY_PATH], sources[OID])

    def _cached(self, text: str | None, oid: str) -> Policy:
        with self._lock:
            known = self._known.get(oid)
            if known is None:
                known = self._known[oid] = self._read(text, oid)
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
            return known

    def _read(self, text: str | None, oid: str) -> Policy:
        if text is None:
            return self._broken(oid, f"{POLICY_PATH} is not a text file of at most 64 KB.")
        try:
            source = Source(path=POLICY_PATH, text=text, version=oid[:12], layer=Layer.REPOSITORY)
            return read_policy((*self._server, source))
        except PolicyError as error:
            return self._broken(oid, error.sentence)

    def _broken(self, oid: str, why: str) -> Policy:
        return replace(self._base, version=f"broken-{oid[:5]}", broken=why)
