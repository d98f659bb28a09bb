"""Issues that nobody has opened: the facts of a question like "what if a reader labels it `bug` on Sunday?".

Everything that is not said is ordinary: a private repository, an open issue of a writer with a description long enough,
nothing pending. `decide_supposed` asks the same `decide` as everything else.
"""

from dataclasses import dataclass, field, replace

from github_app.core.decide import decide, explained
from github_app.core.decision import Decision
from github_app.core.events import Actor, IssueChanged, Place
from github_app.core.facts import Facts, Issue, Label, Ledger, Person, Repository
from github_app.core.names import InstallationId, Instant, Permission, RepositoryId, Sha, UserId, fold
from github_app.core.policy import Policy
from github_app.errors import UsageError

ROLES = {
    "admin": Permission.ADMIN,
    "maintainer": Permission.MAINTAIN,
    "writer": Permission.WRITE,
    "triager": Permission.TRIAGE,
    "reader": Permission.READ,
    "outsider": Permission.NONE,
}
PLACE = Place(installation_id=InstallationId(1), repository_id=RepositoryId(1), full_name="supposed/repository")
OWN_ID = UserId(1)
NUMBER = 1
MOST_BODY = 65_536  # characters GitHub takes
MOST_LABELS = 100


def person(said: str) -> Person:
    """Return who `login:permission`, or a role such as `maintainer`, or `name[bot]` says. Raises UsageError."""
    login, colon, word = said.partition(":")
    human = not login.endswith("[bot]") and word != "bot"
    permission = ROLES.get(login) if not colon else Permission.__members__.get(word.upper())
    if not human:
        permission = Permission.NONE
    if not login or permission is None or (colon and word != word.lower()):
        names = ", ".join(str(one) for one in Permission)
        raise UsageError(f"{said!r} is nobody.", hint=f"LOGIN:PERMISSION ({names} or bot), or {', '.join(ROLES)}")
    number = 10 + int.from_bytes(login.encode(errors="replace")[:7], "big")
    return Person(id=UserId(number), login=login, human=human, permission=permission)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """What is supposed. The first label may be any; who set them is `by`."""

    labels: tuple[str, ...]
    now: Instant
    by: Person = field(default_factory=lambda: person("maintainer"))
    author: Person = field(default_factory=lambda: person("writer"))
    editor: Person | None = None
    private: bool = True
    title: str = "A supposed issue"
    body: str = "x" * 400
    assigned: bool = False
    linked_pull: bool = False
    counts: Ledger = field(default_factory=Ledger)

    def facts(self) -> Facts:
        """Return the facts of the supposed issue. Raises UsageError for what GitHub would not take."""
        if len(self.body) > MOST_BODY or len(self.labels) > MOST_LABELS:
            raise UsageError(f"An issue has at most {MOST_BODY} characters and {MOST_LABELS} labels.")
        if len({fold(name) for name in self.labels}) < len(self.labels):
            raise UsageError("An issue carries a label once.")
        return Facts(
            now=self.now,
            own_user_id=OWN_ID,
            repository=Repository(
                id=PLACE.repository_id,
                installation_id=PLACE.installation_id,
                full_name=PLACE.full_name,
                private=self.private,
                archived=False,
                default_branch="main",
                head=Sha("0" * 40),
            ),
            issue=Issue(
                number=NUMBER,
                title=self.title,
                body=self.body,
                url="",
                open=True,
                locked=False,
                is_pull=False,
                transferred=False,
                labels=tuple(Label(name=name, by=self.by) for name in self.labels),
                author=self.author,
                editor=self.editor,
                edited_at=None if self.editor is None else self.now,
                assignees=("somebody",) if self.assigned else (),
                linked_pulls=(NUMBER + 1,) if self.linked_pull else (),
            ),
            sender=self.by,
            ledger=self.counts,
        )


def decide_supposed(policy: Policy, supposed: Supposed) -> Decision:
    """Return what a policy makes of a supposed issue, with what would change it."""
    return decide_now(policy, supposed.facts())


def decide_now(policy: Policy, facts: Facts) -> Decision:
    """Return what is decided about the issue of the facts as they are, with what would change it."""
    who, issue, repository = facts.sender, facts.issue, facts.repository
    place = PLACE
    if repository is not None:
        place = replace(
            PLACE,
            installation_id=repository.installation_id,
            repository_id=repository.id,
            full_name=repository.full_name,
        )
    event = IssueChanged(
        place=place,
        number=NUMBER if issue is None else issue.number,
        action="reconciled",
        sender=Actor(id=who.id, login=who.login, human=who.human),
    )
    return explained(decide(event, policy, facts), policy, facts)
