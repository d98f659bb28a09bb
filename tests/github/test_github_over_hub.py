"""The client against a GitHub that refuses what GitHub refuses, over real HTTP."""

from dataclasses import dataclass
from threading import Barrier, Thread

import pytest

from github_app.core.events import AccessLost, Actor, CommentCreated, CommentWithdrawn, IssueChanged, PullClosed
from github_app.core.facts import Approval, Person
from github_app.core.names import Permission
from github_app.demo.hub import How, Hub, RegisteredApp
from github_app.errors import GitHubRefusedError, GitHubUnreachableError, LostAccessError, RateLimitedError
from github_app.github.auth import AppAuth
from github_app.github.client import GitHub
from github_app.github.endpoints import permissions
from github_app.github.gather import gather_issue
from github_app.github.repository import Note, RepositoryClient
from github_app.github.webhook import WANTED, NotOurs, parse, verify

REPO = "acme/widgets"
LONG = "The --verbose flag is not explained anywhere; say what it does."


class Clock:
    def __init__(self):
        self.now = 1_795_132_800.0

    def __call__(self):
        return self.now


@dataclass(kw_only=True)
class World:
    hub: Hub
    clock: Clock
    app: RegisteredApp
    installation: int
    github: GitHub
    repo: RepositoryClient

    def gather(self, number, sender=None, approvals=(), **more):
        return gather_issue(self.repo, number, sender, int(self.clock.now * 1000), self.app.bot_id, approvals, **more)

    def person(self, login, permission):
        return Person(id=self.hub.user_id(login), login=login, human=True, permission=permission)


@pytest.fixture
def world(tmp_path):
    clock = Clock()
    hub = Hub(tmp_path / "hub", clock=clock)
    with hub.serve():
        hub.create_organization("acme")
        for login in ("ann", "eve", "tom"):
            hub.create_user(login)
        hub.create_repository("acme", "widgets", {"README.md": "hello\n", ".github/remit.yml": "mode: active\n"})
        for login, role in (("ann", "admin"), ("eve", "read"), ("tom", "triage")):
            hub.set_permission(REPO, login, role)
        # nobody listens there: deliveries are logged all the same
        app = hub.create_app("remit", "http://127.0.0.1:9/webhook", "secret", permissions(), sorted(WANTED))
        installation = hub.install(app, "acme")
        github = GitHub(AppAuth(app.app_id, (app.private_key_pem,), hub.api_url, clock=clock, sleep=lambda _: None))
        repo = github.repository(installation, hub.repository(REPO).id, REPO)
        yield World(hub=hub, clock=clock, app=app, installation=installation, github=github, repo=repo)
        github.close()


def test_the_facts_of_an_issue_are_what_people_did(world):
    hub = world.hub
    number = hub.open_issue(REPO, "Explain --verbose", LONG, "eve", labels=["documentation"], form=True)
    world.clock.now += 5
    hub.label(REPO, number, "remit", "tom")
    hub.edit_issue(REPO, number, title="Explain the --verbose flag", by="ann")
    hub.assign(REPO, number, "ann", "ann")
    found = world.gather(number, Actor(id=hub.user_id("tom"), login="tom", human=True))
    issue = found.facts.issue
    eve, tom = world.person("eve", Permission.READ), world.person("tom", Permission.TRIAGE)
    assert {label.name: label.by for label in issue.labels} == {"documentation": eve, "remit": tom}
    assert (issue.author, issue.editor) == (eve, world.person("ann", Permission.ADMIN))
    assert issue.edited_at == int(world.clock.now * 1000)
    assert (issue.title, issue.body, issue.assignees) == ("Explain the --verbose flag", LONG, ("ann",))
    assert (issue.open, issue.locked, issue.is_pull, issue.transferred) == (True, False, False, False)
    assert found.facts.sender == tom
    assert found.policy.text == "mode: active\n"
    repository = found.facts.repository
    assert (repository.full_name, repository.private, repository.default_branch) == (REPO, True, "main")
    assert repository.head == world.repo.default_branch().head


def test_a_missing_issue_a_closed_one_and_a_transferred_one_are_told_apart(world):
    hub = world.hub
    assert world.gather(99).facts.issue is None
    number = hub.open_issue(REPO, "t", LONG, "ann")
    hub.close(REPO, number, "ann")
    hub.lock(REPO, number, "ann")
    issue = world.gather(number).facts.issue
    assert (issue.open, issue.locked, issue.transferred) == (False, True, False)
    moved = hub.open_issue(REPO, "t", LONG, "ann")
    other = hub.create_repository("acme", "other", {"a": "b"})
    hub.set_permission("acme/other", "ann", "admin")
    there = hub.transfer(REPO, moved, "acme/other", "ann")
    arrived = world.github.repository(world.installation, other.id, "acme/other")
    assert gather_issue(arrived, there, None, 0, world.app.bot_id).facts.issue.transferred
    assert world.gather(moved).facts.issue is None
    with pytest.raises(GitHubRefusedError):
        world.repo.comment(moved, "hi")
    assert hub.repository("acme/other").issue(there).comments == ()


def test_a_deleted_account_is_nobody(world):
    number = world.hub.open_issue(REPO, "t", LONG, "eve", labels=["documentation"], form=True)
    world.hub.delete_user("eve")
    issue = world.gather(number).facts.issue
    assert issue.author.permission is Permission.NONE
    assert not issue.author.human
    assert issue.labels[0].by.permission is Permission.NONE


def test_a_history_of_more_than_a_hundred_events_is_read_whole(world):
    number = world.hub.open_issue(REPO, "t", LONG, "ann")
    world.hub.label(REPO, number, "documentation", "ann")
    for _ in range(60):
        world.hub.label(REPO, number, "flap", "tom")
        world.hub.unlabel(REPO, number, "flap", "tom")
    world.hub.edit_issue(REPO, number, title="u", by="ann")
    for _ in range(60):
        world.hub.label(REPO, number, "flap", "tom")
        world.hub.unlabel(REPO, number, "flap", "tom")
    issue = world.gather(number).facts.issue
    assert [(label.name, label.by.login) for label in issue.labels] == [("documentation", "ann")]
    assert issue.editor.login == "ann"
    assert world.github.calls["graphql"] == 3, "one of them for the owner's policy"


def test_an_approval_stands_until_its_comment_is_touched(world):
    hub = world.hub
    number = hub.open_issue(REPO, "t", LONG, "ann")
    comment = hub.comment(REPO, number, "/approve", "ann")
    given = Approval(
        comment_id=comment,
        by=world.person("ann", Permission.ADMIN),
        digest="d",
        at=int(world.clock.now * 1000),
        stands=True,
    )
    (now,) = world.gather(number, approvals=[given]).facts.approvals
    assert (now.stands, now.by.permission) == (True, Permission.ADMIN)
    hub.set_permission(REPO, "ann", "read")
    (now,) = world.gather(number, approvals=[given]).facts.approvals
    assert (now.stands, now.by.permission) == (True, Permission.READ)
    hub.set_permission(REPO, "ann", "admin")
    world.clock.now += 1
    hub.edit_comment(REPO, comment, "/approve now", "ann")
    (now,) = world.gather(number, approvals=[given]).facts.approvals
    assert not now.stands


def test_what_we_say_is_there_once_and_found_again(world):
    repo, hub = world.repo, world.hub
    number = hub.open_issue(REPO, "t", LONG, "ann")
    hub.comment(REPO, number, "<!-- mark -->", "eve")
    made = repo.comment(number, "hello <!-- mark -->")
    assert repo.find_comment(number, "<!-- mark -->") == made
    repo.edit_comment(made, "bye <!-- mark -->")
    assert repo.get_comment("issue_comment", made).body == "bye <!-- mark -->"
    assert repo.get_comment("issue_comment", made).author_id == world.github.own_user_id() == world.app.bot_id
    repo.react("issue", "eyes", number=number)
    repo.react("issue", "eyes", number=number)
    repo.react("issue_comment", "+1", number=number, comment_id=made)
    repo.ensure_label("remit:held", color="ededed", description="waits for approval")
    repo.ensure_label("remit:held", color="ededed", description="waits for approval")
    repo.add_labels(number, ["remit:held"])
    assert repo.labels(number) == ("remit:held",)
    assert repo.labelled_issues("remit:held") == (number,)
    assert repo.remove_label(number, "remit:held") is True
    assert repo.remove_label(number, "remit:held") is False
    with pytest.raises(GitHubRefusedError):
        repo.comment(number, "x" * 65_537)
    with pytest.raises(GitHubRefusedError):
        repo.comment(99, "nobody home")


def test_a_pull_request_from_opening_to_merge(world):
    repo, hub = world.repo, world.hub
    branch = "remit/docs/1-1"
    head = hub.push(REPO, branch, {"README.md": "hello\nworld\n"}, "Say more", "ann")
    assert repo.find_pull(branch) is None
    made = repo.open_pull(head=branch, base="main", title="Say more", body="Closes #1", draft=True)
    assert (made.head, made.head_branch, made.draft, made.author_id) == (head, branch, True, world.app.bot_id)
    with pytest.raises(GitHubRefusedError, match="already exists"):
        repo.open_pull(head=branch, base="main", title="Say more", body="", draft=False)
    assert repo.find_pull(branch).number == made.number
    review = repo.review(made.number, "fine <!-- mark -->", [Note(path="README.md", line=2, body="hm")], head)
    assert repo.find_review(made.number, "<!-- mark -->") == review
    repo.edit_pull(made.number, title="Say even more", body="b")
    hub.mark_ready(REPO, made.number, "ann")
    merged = hub.merge(REPO, made.number, "ann")
    after = repo.get_pull(made.number)
    assert (after.open, after.merged_as, after.title) == (False, merged, "Say even more")
    assert repo.branch_contains("main", merged)
    assert repo.get_file("README.md", "main") == b"hello\nworld\n"
    assert world.gather(made.number).facts.issue.is_pull
    assert [one.state for one in hub.repository(REPO).issue(made.number).pull.reviews] == ["COMMENTED"]


def test_permissions_are_what_github_says_now(world):
    asked = {login: world.repo.permission(login) for login in ("ann", "eve", "tom", "stranger", "remit[bot]")}
    assert asked["ann"] is Permission.ADMIN
    assert asked["eve"] is Permission.READ
    assert asked["tom"] is Permission.TRIAGE
    assert asked["stranger"] is Permission.NONE
    world.hub.fail("GET", "/collaborators/", "503", times=3)
    with pytest.raises(GitHubUnreachableError):
        world.repo.permission("ann")


def test_t10_a_login_taken_over_by_another_account_is_not_the_person(world):
    ann = world.hub.user_id("ann")
    world.hub.rename_user("ann", "ann2")
    world.hub.create_user("ann")
    world.hub.set_permission(REPO, "ann", "admin")
    assert world.repo.permission("ann", ann) is Permission.NONE


def test_a_lost_reply_leaves_one_comment_that_can_be_found(world):
    number = world.hub.open_issue(REPO, "t", LONG, "ann")
    for how in (How.LOST_REPLY, How.LATE_502):
        world.hub.fail("POST", "/comments$", how)
        with pytest.raises(GitHubUnreachableError):
            world.repo.comment(number, f"said <!-- {how} -->")
        assert world.repo.find_comment(number, f"<!-- {how} -->") is not None
    assert len(world.hub.repository(REPO).issue(number).comments) == 2


def test_limits_say_how_long(world):
    number = world.hub.open_issue(REPO, "t", LONG, "ann")
    world.repo.labelled_issues("x")
    world.hub.fail("POST", "/comments$", How.SECONDARY_LIMIT, seconds=90)
    with pytest.raises(RateLimitedError) as caught:
        world.repo.comment(number, "hi")
    assert caught.value.retry_after == 90
    world.hub.fail("POST", "/comments$", How.SECONDARY_LIMIT)
    with pytest.raises(RateLimitedError) as caught:
        world.repo.comment(number, "hi")
    assert caught.value.retry_after == 60
    world.hub.fail("POST", "/comments$", How.PRIMARY_LIMIT)
    with pytest.raises(RateLimitedError) as caught:
        world.repo.comment(number, "hi")
    assert 0 < caught.value.retry_after <= 3900


def test_t30_a_revoked_token_is_replaced_once(world):
    number = world.hub.open_issue(REPO, "t", LONG, "ann")
    world.repo.comment(number, "one")
    world.hub.revoke_tokens()
    world.repo.comment(number, "two")
    assert world.github.calls["mint_token"] == 2


def test_t31_whatever_is_taken_away_is_lost_access(world):
    hub, number = world.hub, world.hub.open_issue(REPO, "t", LONG, "ann")
    hub.suspend(world.installation)
    with pytest.raises(LostAccessError):
        world.repo.comment(number, "hi")
    hub.unsuspend(world.installation)
    world.repo.comment(number, "hi")
    hub.remove_repository(world.installation, REPO)
    with pytest.raises(LostAccessError):
        world.repo.comment(number, "hi")
    with pytest.raises(LostAccessError):
        world.gather(number)
    hub.uninstall(world.installation)
    with pytest.raises(LostAccessError):
        world.repo.git_token("write")
    with pytest.raises(LostAccessError):
        world.github.installation(world.installation)


def test_an_archived_repository_refuses_what_we_say(world):
    number = world.hub.open_issue(REPO, "t", LONG, "ann")
    world.hub.archive(REPO, "ann")
    assert world.gather(number).facts.repository.archived
    with pytest.raises(LostAccessError, match="archived"):
        world.repo.comment(number, "hi")


def test_f20_a_renamed_repository_is_followed_by_its_id(world):
    number = world.hub.open_issue(REPO, "t", LONG, "ann")
    world.hub.rename_repository(REPO, "gadgets", "ann")
    assert world.repo.get_comment("issue_comment", world.repo.comment(number, "hi")).body == "hi"
    assert world.repo.full_name == "acme/gadgets"
    assert world.gather(number).facts.repository.full_name == "acme/gadgets"


def test_t07_a_token_does_nothing_in_another_repository_of_the_installation(world):
    world.hub.create_repository("acme", "other", {"a": "b"})
    stranger = world.github.repository(world.installation, world.hub.repository(REPO).id, "acme/other")
    with pytest.raises(LostAccessError):
        gather_issue(stranger, 1, None, 0, world.app.bot_id)
    with pytest.raises(LostAccessError):
        stranger.comment(1, "hi")


def test_the_app_can_look_at_itself(world):
    github, hub = world.github, world.hub
    assert github.bot_login() == "remit[bot]"
    assert [one.id for one in github.installations()] == [world.installation]
    assert github.repository_installation(REPO).id == world.installation
    assert [one.full_name for one in github.installation_repositories(world.installation)] == [REPO]
    assert github.hook_url() == "http://127.0.0.1:9/webhook"
    hub.open_issue(REPO, "t", LONG, "ann")
    hub.settle()
    lines, _ = github.deliveries()
    newest = github.delivery(lines[0].id)
    assert (newest.headers["x-github-event"], newest.line.guid) == ("issues", newest.headers["x-github-delivery"])
    assert isinstance(parse("issues", newest.payload, world.app.bot_id), IssueChanged)
    before = len(hub.deliveries)
    github.redeliver(lines[0].id)
    hub.settle()
    assert len(hub.deliveries) == before + 1


def test_ten_threads_share_one_token_and_each_gets_its_answer(world):
    gate, heard = Barrier(10), []

    def ask():
        gate.wait(5)
        heard.append(world.repo.permission("ann"))

    threads = [Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert heard == [Permission.ADMIN] * 10
    assert world.github.calls["mint_token"] == 1


def heard(world):
    """Return what each logged delivery was parsed as, after checking its signature."""
    world.hub.settle()
    said = []
    for one in world.hub.deliveries:
        headers, body = one.headers(), one.payload.encode()
        assert verify([headers["X-Hub-Signature-256"]], body, [b"other", b"secret"]) == 1
        said.append(parse(headers["X-GitHub-Event"], body, world.app.bot_id))
    return said


def test_what_github_delivers_is_understood(world):
    hub, repo = world.hub, world.repo
    number = hub.open_issue(REPO, "t", LONG, "eve", labels=["documentation"], form=True)
    hub.label(REPO, number, "remit", "ann")
    comment = hub.comment(REPO, number, "/approve", "ann")
    repo.comment(number, "on it")
    hub.edit_comment(REPO, comment, "/approve not", "ann")
    hub.delete_comment(REPO, comment, "ann")
    branch = "remit/docs/1-1"
    hub.push(REPO, branch, {"README.md": "hello\nworld\n"}, "Say more", "ann")
    pull = repo.open_pull(head=branch, base="main", title="Say more", body="", draft=False).number
    hub.comment(REPO, pull, "/remit why", "ann")
    hub.review(REPO, pull, "/approve", "commented", "ann")
    merged = hub.merge(REPO, pull, "ann")
    hub.close(REPO, number, "ann")
    hub.archive(REPO, "ann")
    hub.suspend(world.installation)
    said = [one for one in heard(world) if not isinstance(one, NotOurs)]
    changes = [(one.action, one.sender.login) for one in said if isinstance(one, IssueChanged)]
    assert changes == [("opened", "eve"), ("labeled", "eve"), ("labeled", "ann"), ("closed", "ann")]
    written = [
        (one.number, one.comment_kind, one.on_pull, one.paragraphs, one.alone, one.author.human)
        for one in said
        if isinstance(one, CommentCreated)
    ]
    assert written == [
        (number, "issue_comment", False, ("/approve",), True, True),
        (pull, "issue_comment", True, ("/remit why",), True, True),
        (pull, "review", True, ("/approve",), True, True),
    ]
    assert [one.action for one in said if isinstance(one, CommentWithdrawn)] == ["edited", "deleted"]
    closed = [(one.number, one.head_branch, one.merged_as) for one in said if isinstance(one, PullClosed)]
    assert closed == [(pull, branch, merged)]
    lost = [(one.repository_ids, one.why) for one in said if isinstance(one, AccessLost)]
    assert lost == [((repo.repository_id,), "repository archived"), (None, "installation suspend")]
