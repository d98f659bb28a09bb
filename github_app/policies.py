"""Which policy holds for a repository now: the shipped default, the server's file, the organisation's, its own.

A file of the organisation's or the repository's that cannot be read gives a policy under which nothing runs and that
says where the fault is: an organisation's in all of its repositories.
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
from github_app.github.organisation import PolicyFile
from github_app.policy.layers import Layer, Source
from github_app.policy.read import read_policy

KEPT = 256
OID = "blob"
ORGANISATION, ORGANISATION_PATH, ORGANISATION_OID = "organisation", "organisation.path", "organisation.blob"
Files = tuple[PolicyFile | None, PolicyFile | None]  # the organisation's and the repository's


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
        self._known: OrderedDict[Files, Policy] = OrderedDict()
        self._lock = Lock()

    @property
    def base(self) -> Policy:
        """Return the policy of a repository that has none of its own, in an organisation that has none."""
        return self._base

    @property
    def server(self) -> tuple[Source, ...]:
        """Return the server's own texts, the lowest first."""
        return self._server

    def policy_for(self, gathered: Gathered) -> Policy:
        """Return the policy of the repository that was looked at."""
        return self.policy_of(gathered.organisation, gathered.policy)

    def policy_of(self, organisation: PolicyFile | None, repository: PolicyFile | None) -> Policy:
        """Return the policy that these files make on the server's; None is no file."""
        files = (organisation, repository)
        if files == (None, None):
            return self._base
        with self._lock:
            known = self._known.get(files)
            if known is None:
                known = self._known[files] = self._read(organisation, repository)
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
            return known

    def sources_of(self, gathered: Gathered) -> dict[str, str]:
        """Return the texts that a policy was read from, as they are stored with the decisions made under it."""
        texts = {source.path: source.text for source in self._server}
        own, above = gathered.policy, gathered.organisation
        if own is not None:
            texts |= {OID: own.oid} | ({} if own.text is None else {POLICY_PATH: own.text})
        if above is not None:
            texts |= {ORGANISATION_PATH: above.path, ORGANISATION_OID: above.oid}
            texts |= {} if above.text is None else {ORGANISATION: above.text}
        return texts

    def policy_from(self, sources: Mapping[str, str] | None) -> Policy:
        """Return the policy of stored texts: what was last known of a repository that is not looked at now."""
        own = above = None
        if sources and OID in sources:
            own = PolicyFile(path=POLICY_PATH, text=sources.get(POLICY_PATH), oid=sources[OID])
        if sources and ORGANISATION_OID in sources:
            above = PolicyFile(
                path=sources[ORGANISATION_PATH], text=sources.get(ORGANISATION), oid=sources[ORGANISATION_OID]
            )
        return self.policy_of(above, own)

    def _read(self, organisation: PolicyFile | None, repository: PolicyFile | None) -> Policy:
        base, below = self._base, self._server
        oids = "\0".join("" if file is None else file.oid for file in (organisation, repository))
        try:
            if organisation is not None:
                below = (*below, _source(organisation, Layer.ORGANISATION))
                base = read_policy(below)
            if repository is None:
                return base
            if organisation is not None and base.repositories == "none":
                repository = replace(repository, text=repository.text or "")  # it is not heard, whatever it is
            return read_policy((*below, _source(repository, Layer.REPOSITORY)))
        except PolicyError as error:
            return replace(base, version=f"broken-{sha256(oids.encode()).hexdigest()[:5]}", broken=error.sentence)


def _source(file: PolicyFile, layer: Layer) -> Source:
    if file.text is None:
        raise PolicyError(file.path, 1, 1, "this is not a text file of at most 64 KB")
    return Source(path=file.path, text=file.text, version=file.oid[:12], layer=layer)
