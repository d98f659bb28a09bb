"""The digest an approval is bound to, and what is different when it no longer fits.

The digest is over title, raw body, tier-relevant labels, tier, policy version and the base commit that was the default
branch's head when the text was proposed. The base is part of what was read; a branch that merely moved on does not void
an approval, so a later check computes the digest with the recorded base.
"""

from collections.abc import Iterable
from hashlib import sha256
from json import dumps, loads

from github_app.core.names import Sha, Tier, fold
from github_app.core.reading import hashed

_SAID = {
    "title": "the title was changed",
    "body": "the description was changed",
    "labels": "the labels that matter were changed",
    "tier": "the tier is another one",
    "policy": "the policy is another version",
    "base": "the base commit is another one",
}


def subject(*, title: str, body: str, labels: Iterable[str], tier: Tier, policy_version: str, base: Sha) -> str:
    """Return the canonical text the digest is over; it holds hashes, never the issue's words."""
    return subject_of_hashes(
        title_hash=hashed(title),
        body_hash=hashed(body),
        labels=labels,
        tier=tier,
        policy_version=policy_version,
        base=base,
    )


def subject_of_hashes(
    *, title_hash: str, body_hash: str, labels: Iterable[str], tier: Tier, policy_version: str, base: Sha
) -> str:
    """Return the same from words that were hashed before (`core.reading`)."""
    return dumps(
        {
            "title": title_hash,
            "body": body_hash,
            "labels": sorted({fold(label) for label in labels}),
            "tier": str(tier),
            "policy": policy_version,
            "base": base,
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def digest(subject_text: str) -> str:
    """Return the 12 hexadecimal digits people see and may name in `/approve`."""
    return sha256(subject_text.encode()).hexdigest()[:12]


def what_changed(before: str, after: str) -> tuple[str, ...]:
    """Return a sentence for each part in which two subjects differ."""
    if not before:
        return ()
    old, new = loads(before), loads(after)
    return tuple(sentence for key, sentence in _SAID.items() if old.get(key) != new.get(key))
