"""Shipped, server, organisation, repository: who may say what over whom, and which policy a server makes of it."""

from hashlib import sha1

import pytest

from github_app.core.facts import Facts
from github_app.core.names import Mode, UserId
from github_app.errors import PolicyError
from github_app.github.gather import Gathered
from github_app.github.organisation import PolicyFile
from github_app.policies import Policies
from github_app.policy.layers import Layer, Source
from github_app.policy.problems import UnreadablePolicyError
from github_app.policy.read import default_policy, read_policy

ORG = "acme/.github/.github/remit.yml"


def server(text):
    return Source(path="server.yml", text=text, version="51", layer=Layer.SERVER)


def organisation(text):
    return Source(path=ORG, text=text, version="0a", layer=Layer.ORGANISATION)


def repository(text):
    return Source(path=".github/remit.yml", text=text, version="b10b")


def test_an_organisation_stands_between_the_server_and_its_repositories():
    policy = read_policy(
        [
            server("retries: 5\nlimits: {turns: 20}\nmode: active\n"),
            organisation("retries: 4\nlimits: {usd: 2}\n"),
            repository("retries: 3\n"),
        ]
    )
    assert (policy.retries, policy.limits.turns, policy.limits.usd, policy.mode) == (3, 20, 2, Mode.ACTIVE)
    assert policy.origin("retries") == ".github/remit.yml:1@b10b"
    assert policy.origin("limits.usd") == f"{ORG}:2@0a"
    assert policy.origin("limits.turns") == "server.yml:2@51"


def test_without_an_organisations_file_a_repository_says_what_it_always_could():
    policy = read_policy([repository("mode: active\nretries: 9\ntrigger: null\n")])
    assert (policy.mode, policy.retries, policy.trigger) == (Mode.ACTIVE, 9, None)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        (
            "caps:\n  pending_per_repository: 9\n",
            "2:3",
            "`caps.pending_per_repository` may only be made stricter than in the organisation's policy: 3 there",
        ),
        ("\ntrigger: null\n", "2:1", "`trigger` may only be made stricter than in the organisation's policy: remit "),
        ("extends: strict\n", "1:1", "`retries` of `extends: strict` may only be made stricter than in the organisat"),
        (
            "rules:\n  - {labels: [documentation], category: docs, tier: auto_safe}\n",
            "1:1",
            "`rules` may only be made stricter than in the organisation's policy: an issue labelled `bug`, `enhancem",
        ),
        (
            "checks: {check: {tests: ['true']}}\n",
            "1:18",
            "`checks.check.tests` may only be made stricter than in the organisation's policy: [make, test] there",
        ),
    ],
)
def test_under_an_organisation_a_repository_only_tightens_and_is_told_where_it_does_not(text, place, problem):
    above = organisation(
        "mode: active\ncaps: {pending_per_repository: 3}\nretries: 0\nchecks: {check: {tests: make test}}\n"
    )
    with pytest.raises(UnreadablePolicyError) as caught:
        read_policy([above, repository(text)])
    assert str(caught.value).startswith(f".github/remit.yml:{place}: {problem}")
    assert caught.value.hint


def test_every_loosened_key_is_told_at_once():
    with pytest.raises(UnreadablePolicyError) as caught:
        read_policy([organisation(""), repository("mode: active\nretries: 3\nsize: {files: 101}\n")])
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3]
    assert caught.value.hint == "write propose or less, or remove the key"


def test_what_tightens_passes():
    text = "mode: observe\nceiling: operator\n"
    text += "skip: {labels: [epic, blocked, wontfix, 'remit:skip', roadmap, wishlist, in-progress, later]}\n"
    text += "scopes: {docs: ['*.md']}\nchecks: {check: {tests: make test}}\nprotected: [go.sum]\nlimits: {usd: 1}\n"
    policy = read_policy([organisation("mode: active\n"), repository(text)])
    assert (policy.mode, policy.scopes["docs"], policy.limits.usd) == (Mode.OBSERVE, ("*.md",), 1)


def test_an_organisation_may_free_its_repositories():
    policy = read_policy([organisation("repositories: any\nretries: 1\n"), repository("retries: 9\nmode: active\n")])
    assert (policy.retries, policy.mode) == (9, Mode.ACTIVE)
    with pytest.raises(PolicyError, match="`agent` is not for a repository"):
        read_policy([organisation("repositories: any\n"), repository("agent: {adapter: mine}\n")])


def test_an_organisation_may_shut_its_repositories_and_the_policy_says_so():
    policy = read_policy([organisation("repositories: none\nretries: 1\n"), repository("retries: [not, even, valid\n")])
    assert policy.retries == 1
    assert policy.notes == (
        f".github/remit.yml is ignored: the organisation's policy says `repositories: none` ({ORG}:1@0a)",
    )
    assert read_policy([organisation("repositories: none\n")]).notes == ()


def test_the_servers_word_about_repositories_holds_where_an_organisation_says_nothing():
    free = server("repositories: any\n")
    assert read_policy([free, organisation(""), repository("retries: 9\n")]).retries == 9
    with pytest.raises(PolicyError, match="`retries` may only"):
        read_policy([free, organisation("repositories: tighten\n"), repository("retries: 9\n")])
    assert read_policy([server("repositories: none\n"), repository("retries: 9\n")]).retries == 9


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("agent: {adapter: mine}\n", "1:1: `agent` is not for an organisation: only the server's policy may choose"),
        ("agents: {docs: {}}\n", "1:1: `agents` is not for an organisation: only the server's policy may choose"),
        ("weakest_wall: none\n", "1:1: `weakest_wall` may not go below 'landlock' (policies/default.yml:"),
        (
            "caps: {running_per_installation: 5}\n",
            "1:8: `caps.running_per_installation` may not go above 4 (policies/default.yml:",
        ),
    ],
)
def test_an_organisation_does_not_say_what_is_the_servers(text, problem):
    with pytest.raises(UnreadablePolicyError) as caught:
        read_policy([organisation(text)])
    assert str(caught.value).startswith(f"{ORG}:{problem}")


def test_an_organisation_says_what_a_repository_may_not():
    text = "people: {bots: ['a[bot]']}\ncaps: {pending_per_installation: 7, running_per_installation: 2}\n"
    policy = read_policy([organisation(text)])
    assert policy.people.bots == ("a[bot]",)
    assert (policy.caps.pending_per_installation, policy.caps.running_per_installation) == (7, 2)
    for line in text.splitlines():
        with pytest.raises(PolicyError, match="only the server's or the organisation's policy may"):
            read_policy([repository(line)])
    with pytest.raises(PolicyError, match="`repositories` is not for a repository"):
        read_policy([repository("repositories: any\n")])


def test_an_organisation_only_adds_to_what_the_server_blocks_and_protects():
    policy = read_policy([server("blocked: [a]\nprotected: [b]\n"), organisation("blocked: [c]\nprotected: [d]\n")])
    assert (policy.blocked, policy.protected) == (("a", "c"), ("b", "d"))


def test_the_version_covers_the_text_of_every_layer_ignored_ones_too():
    texts = [(), ("retries: 1\n",), ("retries: 1\n", "retries: 0\n"), ("repositories: none\n", "retries: 0\n")]
    versions = {read_policy([make(text) for make, text in zip((organisation, repository), each, strict=False)]).version
                for each in texts}  # fmt: skip
    assert len(versions) == 4


# What a server makes of the files that GitHub showed


def oid(text):
    return sha1(repr(text).encode(), usedforsecurity=False).hexdigest()


def above(text):
    return PolicyFile(path=ORG, text=text, oid=oid(text))


def own(text):
    return PolicyFile(path=".github/remit.yml", text=text, oid=oid(text))


def gathered(organisation_file, repository_file):
    facts = Facts(now=0, own_user_id=UserId(1))
    return Gathered(facts=facts, organisation=organisation_file, policy=repository_file)


FILES = [
    (None, None),
    (None, own("retries: 1\n")),
    (above("retries: 1\n"), None),
    (above("retries: 1\n"), own("retries: 0\n")),
    (above("retries: 1\n"), own("retries: 2\n")),
    (above("retries: ["), own("retries: 0\n")),
    (above(None), None),
    (None, own(None)),
    (above("repositories: none\n"), own(None)),
]


@pytest.mark.parametrize("files", FILES)
def test_a_policy_is_the_same_when_it_is_read_again_from_what_was_stored(files):
    policies = Policies(None)
    policy = policies.policy_for(gathered(*files))
    assert Policies(None).policy_from(policies.sources_of(gathered(*files))) == policy


def test_different_files_have_different_versions_and_the_same_files_one_policy():
    policies = Policies(None)
    found = [policies.policy_for(gathered(*files)) for files in FILES]
    assert len({policy.version for policy in found}) == len(FILES)
    assert policies.policy_for(gathered(*FILES[3])) is found[3]
    assert found[0] is policies.base
    assert max(len(policy.version) for policy in found) == 12


def test_a_broken_file_of_the_organisation_stops_its_repositories_and_says_where():
    policy = Policies(None).policy_for(gathered(above("retries: many\n"), own("mode: active\n")))
    assert policy.broken == f"{ORG}:1:10: `retries` must be a whole number, not 'many'"
    assert policy.mode is default_policy().mode
    policy = Policies(None).policy_for(gathered(above(None), None))
    assert policy.broken == f"{ORG}:1:1: this is not a text file of at most 64 KB"


def test_a_repository_that_loosens_is_stopped_under_what_its_organisation_says():
    policy = Policies(None).policy_for(gathered(above("trigger: go\n"), own("retries: 9\n")))
    assert policy.trigger == "go"
    assert policy.broken.startswith(".github/remit.yml:1:1: `retries` may only be made stricter")


def test_a_repository_that_is_not_heard_cannot_break_anything():
    policy = Policies(None).policy_for(gathered(above("repositories: none\nretries: 1\n"), own(None)))
    assert (policy.broken, policy.retries, len(policy.notes)) == ("", 1, 1)
