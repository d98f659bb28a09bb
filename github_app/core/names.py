"""The words everything else is made of: ids, tiers, states, permissions, and how names are compared.

Ids are identity; logins and names are display only. Instants are whole milliseconds since the epoch in UTC.
"""

import re
from enum import IntEnum, StrEnum
from typing import NewType

InstallationId = NewType("InstallationId", int)
RepositoryId = NewType("RepositoryId", int)
UserId = NewType("UserId", int)
TaskId = NewType("TaskId", int)
DeliveryId = NewType("DeliveryId", int)
Instant = NewType("Instant", int)
Sha = NewType("Sha", str)
Category = NewType("Category", str)

CATEGORY = re.compile(r"[a-z]{1,20}")
SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
BRANCH = re.compile(r"remit/[a-z]{1,20}/[0-9]{1,10}-[0-9a-z]{1,20}")


class Tier(IntEnum):
    """What may happen without a human word; ordered, the larger the stricter."""

    AUTO_SAFE = 0
    PROPOSED = 1
    OPERATOR = 2
    BLOCKED = 3

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def named(cls, name: str) -> "Tier":
        """Return the tier of that lower-case name; an unknown name is the strictest tier."""
        return cls.__members__.get(name.upper(), cls.BLOCKED) if name == name.lower() else cls.BLOCKED


class State(StrEnum):
    """Where a task stands; who moves it out of a state is said by `core.task.MOVES`."""

    DEFERRED = "deferred"
    HELD = "held"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYABLE = "retryable"
    IN_REVIEW = "in_review"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FAILED = "failed"


class Permission(IntEnum):
    """A person's role on a repository, as GitHub's `role_name` says it; an unknown role counts as none."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5

    def __str__(self) -> str:
        return self.name.lower()


class Mode(StrEnum):
    """How far Remit may go in a repository."""

    OBSERVE = "observe"
    PROPOSE = "propose"
    ACTIVE = "active"


_ASCII_FOLD = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def fold(label: str) -> str:
    """Return a label's name as it is compared: ASCII letters lowered, every other code point as it is.

    A look-alike (full-width, Cyrillic, Kelvin sign, zero-width) therefore stays a different name.
    """
    return label.translate(_ASCII_FOLD)


def same_title(title: str) -> str:
    """Return a title as it is compared for duplicates: white space folded, case folded, trailing punctuation gone."""
    return re.sub(r"\s+", " ", title).strip().casefold().rstrip(".!? ")[:256]


def branch_name(category: Category, issue_number: int, task_id: int, suffix: str = "") -> str:
    """Return the only branch a task may push; made of our own numbers and a policy word, never of foreign text."""
    name = f"remit/{category}/{issue_number}-{task_id}{suffix}"
    if not BRANCH.fullmatch(name):
        raise ValueError(f"not a branch of ours: {name!r}")
    return name
