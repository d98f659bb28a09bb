"""Policies that are read: layers, origins, versions, and what ships."""

import json
from dataclasses import fields, is_dataclass, replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from github_app.core import policy as core
from github_app.core.names import Category, Mode, Permission, Tier
from github_app.core.policy import Agent, Approval, Caps, Checks, Limits, People, Policy, PullRequests, Rule, Size, Skip
from github_app.errors import PolicyError, UsageError
from github_app.policy import shape
from github_app.policy.layers import Layer, Source
from github_app.policy.read import default_policy, read_policy
from github_app.policy.render import render
from github_app.policy.schema import schema
from github_app.policy.shipped import NAMES, brief, named_source
from github_app.shipped import shipped


def repository(text):
    return Source(path=".github/remit.yml", text=text, version="b10b")


def server(text):
    return Source(path="server.yml", text=text, version="51", layer=Layer.SERVER)


def bare(policy):
    """The policy without where it came from."""
    return replace(policy, version="", origins={}, rules=tuple(replace(rule, origin="") for rule in policy.rules))


def test_the_label_map_is_the_documented_one():
    assert [(rule.labels, rule.category, rule.tier) for rule in default_policy().rules] == [
        (("bug",), "bugfix", Tier.PROPOSED),
        (("enhancement",), "feature", Tier.PROPOSED),
        (("documentation",), "docs", Tier.AUTO_SAFE),
        (("test", "tests"), "tests", Tier.AUTO_SAFE),
        (("research",), "research", Tier.AUTO_SAFE),
        (("refactor",), "refactor", Tier.AUTO_SAFE),
    ]


def test_the_default_file_says_what_the_dataclasses_say_and_adds_only_rules_and_paths():
    policy = default_policy()
    assert bare(policy) == Policy(
        version="", rules=bare(policy).rules, scopes=policy.scopes, protected=policy.protected
    )


def test_the_default_file_sets_and_explains_every_key():
    lines = shipped("policies/default.yml").read_text(encoding="utf-8").splitlines()
    comments = {line.strip().removeprefix("# ").partition(":")[0] for line in lines if line.strip().startswith("#")}
    rule_words = {name for name in shape.RuleShape.model_fields if any(f"`{name}`" in line for line in lines)}

    def keys(model):
        for name, field in model.model_fields.items():
            yield name
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                yield from keys(field.annotation)

    assert rule_words | {"labels", "category", "tier", "none_of"} == set(shape.RuleShape.model_fields)
    assert set(keys(shape.PolicyShape)) - comments == set()
    written = {line.strip().partition(":")[0].removeprefix("- ") for line in lines if ":" in line}
    assert set(keys(shape.PolicyShape)) - written == set()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (Policy, shape.PolicyShape), (Rule, shape.RuleShape), (Skip, shape.SkipShape), (People, shape.PeopleShape),
        (Approval, shape.ApprovalShape), (Caps, shape.CapsShape), (Limits, shape.LimitsShape), (Size, shape.SizeShape),
        (Agent, shape.AgentShape), (Checks, shape.ChecksShape), (PullRequests, shape.PullRequestsShape),
    ],
)  # fmt: skip
def test_every_field_of_a_policy_is_a_key_of_the_language(made, said):
    assert {item.name for item in fields(made)} - {"origin", "origins", "broken", "notes"} == set(said.model_fields) - {
        "extends"
    } | ({"version"} if made is Policy else set())


def test_no_dataclass_of_a_policy_is_without_a_shape():
    made = {name for name, kind in vars(core).items() if is_dataclass(kind) and kind.__module__ == core.__name__}
    assert {f"{name}Shape" for name in made} - set(vars(shape)) == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_policy_reads_alone_and_as_a_base(name):
    assert read_policy([named_source(name)]).rules
    assert read_policy([repository(f"extends: {name}\n")]).rules


def test_the_strict_policy_is_stricter_than_the_default_in_everything_it_names():
    default, strict = default_policy(), read_policy([named_source("strict")])
    assert strict.ceiling > default.ceiling
    assert strict.public_ceiling > default.public_ceiling
    assert strict.approval.count > default.approval.count
    assert not strict.approval.author_may_approve
    assert not strict.approval.labeller_may_approve
    assert set(strict.blocked) > set(default.blocked)
    assert set(strict.protected) > set(default.protected)
    assert strict.size.bytes < default.size.bytes
    assert strict.weakest_wall == "container"


def test_the_schema_on_disk_is_the_schema_of_the_shapes():
    assert shipped("policies/schema.json").read_text(encoding="utf-8") == schema()


def test_the_schema_describes_every_key_and_names_no_default():
    tree = json.loads(schema())
    assert all("description" in spec for spec in tree["properties"].values())
    assert '"default": null' not in schema()


@pytest.mark.parametrize("category", ["bugfix", "feature", "docs", "tests", "research", "refactor", "review"])
def test_a_brief_is_short_and_asks_for_no_questions(category):
    text = brief(category)
    assert 600 < len(text) < 4000
    assert "?" not in text.replace("did you mean", "")
    assert category == "review" or "Do not ask questions" in " ".join(text.split())
    assert category == "review" or "protected paths" in text


def test_every_category_of_the_default_policy_has_a_brief():
    assert all(brief(rule.category) for rule in default_policy().rules)


@pytest.mark.parametrize("category", ["nothing", "../default", "", "Docs"])
def test_a_brief_that_does_not_exist_is_a_usage_error(category):
    with pytest.raises(UsageError):
        brief(category)


def test_a_shipped_policy_that_does_not_exist_is_a_usage_error():
    with pytest.raises(UsageError, match="no shipped policy is called 'lax'"):
        named_source("lax")


# Layers


def test_maps_merge_key_by_key_and_lists_replace():
    policy = read_policy(
        [repository("caps: {pending_per_repository: 2}\nskip: {labels: [later]}\nscopes: {web: [web/**]}\n")]
    )
    default = default_policy()
    assert policy.caps == replace(default.caps, pending_per_repository=2)
    assert policy.skip == replace(default.skip, labels=("later",))
    assert policy.scopes == {**default.scopes, "web": ("web/**",)}


def test_rules_of_a_file_replace_those_under_it():
    policy = read_policy([repository("rules:\n  - {labels: [typo], category: docs, tier: proposed}\n")])
    assert policy.rules == (
        Rule(labels=("typo",), category=Category("docs"), tier=Tier.PROPOSED, origin=".github/remit.yml:2@b10b"),
    )


def test_a_repository_only_adds_to_what_is_blocked_and_protected():
    policy = read_policy([repository("blocked: [Security, legal]\nprotected: [go.sum, .github]\n")])
    assert policy.blocked == (*default_policy().blocked, "legal")
    assert policy.protected == (*default_policy().protected, "go.sum")


def test_the_servers_own_file_replaces_what_is_blocked_and_protected():
    policy = read_policy([server("blocked: [legal]\nprotected: []\n")])
    assert (policy.blocked, policy.protected) == (("legal",), ())


def test_a_repository_cannot_undo_what_the_server_protects():
    policy = read_policy([server("protected: [a]\nblocked: [b]\n"), repository("protected: []\nblocked: []\n")])
    assert (policy.protected, policy.blocked) == (("a",), ("b",))


def test_the_server_may_say_what_a_repository_may_not():
    text = "agent: {command: my-agent --fast}\nagents: {docs: {adapter: other}}\n"
    text += "people: {bots: ['a[bot]']}\nweakest_wall: none\n"
    policy = read_policy([server(text)])
    assert policy.agent == Agent(command=("my-agent", "--fast"))
    assert policy.agent_for(Category("docs")) == Agent(adapter="other")
    assert (policy.people.bots, policy.weakest_wall) == (("a[bot]",), "none")


def test_a_repository_may_strengthen_the_wall_and_never_weaken_it():
    strong = server("weakest_wall: container\n")
    assert read_policy([strong, repository("weakest_wall: bubblewrap\n")]).weakest_wall == "bubblewrap"
    with pytest.raises(PolicyError) as caught:
        read_policy([strong, repository("weakest_wall: landlock\n")])
    assert str(caught.value) == (
        ".github/remit.yml:1:1: `weakest_wall` may not go below 'container' (server.yml:1@51): "
        "only the server's policy may accept a weaker wall"
    )


def test_a_shipped_policy_that_a_repository_extends_does_not_weaken_the_servers_wall():
    policy = read_policy([server("weakest_wall: bubblewrap\n"), repository("extends: strict\n")])
    assert policy.weakest_wall == "bubblewrap"


def test_extends_lays_the_shipped_file_right_under_the_one_that_says_it():
    policy = read_policy(
        [server("retries: 5\nlimits: {turns: 9}\n"), repository("extends: strict\nlimits: {usd: 3}\n")]
    )
    assert (policy.retries, policy.limits.turns, policy.limits.usd) == (1, 9, 3)
    policy = read_policy([server("extends: strict\nretries: 5\n"), repository("extends: default\n")])
    assert (policy.retries, policy.approval.count) == (5, 2)


def test_no_yes_on_and_dates_are_text_and_only_true_and_false_are_not():
    policy = read_policy([repository("blocked: [no, on, Yes, off, 2026-11-20, 007, 0x1, 'true', '1']\ntrigger: y\n")])
    assert policy.blocked[5:] == ("no", "on", "Yes", "off", "2026-11-20", "007", "0x1", "true", "1")
    assert policy.trigger == "y"


def test_nothing_is_a_value_only_where_it_switches_something_off():
    policy = read_policy([repository("trigger:\ncaps: {open_pull_requests_per_repository: null}\n")])
    assert (policy.trigger, policy.caps.open_pull_requests_per_repository) == (None, None)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "null\n", "\ufeff# a mark\n", "{}"])
def test_a_file_that_says_nothing_changes_nothing(text):
    assert bare(read_policy([repository(text)])) == bare(default_policy())


def test_a_command_is_a_list_or_a_string_that_is_split_as_a_shell_would():
    policy = read_policy([repository("checks:\n  prepare: {deps: npm ci}\n  check: {t: [a, b c], u: \"a 'b c'\"}\n")])
    assert policy.checks == Checks(prepare={"deps": ("npm", "ci")}, check={"t": ("a", "b c"), "u": ("a", "b c")})


# Origins and versions


def test_every_value_knows_its_file_line_and_version():
    text = "# mine\ntrigger: go\ncaps:\n  pending_per_repository: 2\nblocked: [legal]\n"
    policy = read_policy([repository(text)])
    default = named_source("default")
    assert policy.origin("trigger") == ".github/remit.yml:2@b10b"
    assert policy.origin("caps.pending_per_repository") == ".github/remit.yml:4@b10b"
    assert policy.origin("blocked") == ".github/remit.yml:5@b10b"
    assert policy.origin("blocked[5]") == ".github/remit.yml:5@b10b"
    line = default.text.splitlines().index("retries: 2") + 1
    assert policy.origin("retries") == f"policies/default.yml:{line}@{default.version}"
    assert policy.rules[2].origin == policy.origin("rules[2]") == policy.origin("rules[2].labels")
    assert policy.origin("rules[2].tier") != policy.rules[2].origin


def test_every_field_that_a_decision_can_name_has_an_origin():
    policy = default_policy()
    wanted = {item.name for item in fields(Policy)} - {"version", "origins", "broken", "notes"}
    maps = {"skip", "people", "approval", "caps", "limits", "size", "agent", "checks", "pull_requests", "scopes"}
    leaves = wanted - maps - {"agents"}
    for name in maps - {"scopes", "checks"}:
        leaves |= {f"{name}.{item.name}" for item in fields(getattr(policy, name))}
    assert leaves - set(policy.origins) == set()


def test_the_version_is_the_hash_of_all_texts_in_order():
    first, second = server("retries: 1\n"), repository("retries: 2\n")
    texts = (named_source("default").text, first.text, second.text)
    want = sha256("".join(f"{text}\0" for text in texts).encode()).hexdigest()[:12]
    assert read_policy([first, second]).version == want
    assert read_policy([first]).version != read_policy([first, repository("")]).version


# Writing it out and reading it back


NAMES_OF_LABELS = st.one_of(
    st.sampled_from(["no", "on", "true", "null", "~", "1", "1.5", "a: b", "- a", "#x", "'", '"', "&a", "*a", "ä", "{"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12),
)  # fmt: skip
LABELS = st.lists(NAMES_OF_LABELS, unique_by=core.fold, min_size=1, max_size=3).map(tuple)
GLOBS = st.lists(st.sampled_from(["**", "docs/**", "*.md", "a b/*.c", "[ab]x", "no", "true"]), min_size=1).map(tuple)
TIERS = st.sampled_from(Tier)
CATEGORIES = st.sampled_from([Category(name) for name in ("docs", "no", "true", "web")])
COUNTS = st.integers(1, 100)
WRITERS = st.sampled_from([Permission.WRITE, Permission.MAINTAIN, Permission.ADMIN])
COMMANDS = st.lists(st.sampled_from(["make", "a b", "no", "3", "--x=$Y", "#", "''"]), min_size=1).map(tuple)
RULES = st.builds(Rule, labels=LABELS, none_of=LABELS, category=CATEGORIES, tier=TIERS)
POLICIES = st.builds(
    Policy,
    version=st.just(""),
    mode=st.sampled_from(Mode),
    trigger=st.none() | st.just("go"),
    blocked=LABELS,
    ceiling=TIERS,
    public_ceiling=TIERS,
    rules=st.lists(RULES, max_size=3).map(tuple),
    skip=st.builds(Skip, labels=LABELS, assigned=st.booleans()),
    people=st.builds(People, label=WRITERS, bots=st.just(("a[bot]",))),
    approval=st.builds(Approval, permission=WRITERS, count=st.integers(1, 10), users=st.just(("someone",))),
    caps=st.builds(Caps, pending_per_repository=COUNTS, new_per_requester_per_hour=st.none() | COUNTS),
    limits=st.builds(Limits, minutes=st.sampled_from([0.5, 1, 25, 1.25]), usd=st.sampled_from([0.01, 5])),
    size=st.builds(Size, files=COUNTS),
    retries=st.integers(0, 10),
    scopes=st.fixed_dictionaries(dict.fromkeys(("docs", "no", "true", "web"), GLOBS)),
    protected=GLOBS,
    agent=st.builds(Agent, command=COMMANDS, review=COMMANDS),
    agents=st.dictionaries(CATEGORIES, st.builds(Agent, command=COMMANDS), max_size=2),
    checks=st.builds(Checks, check=st.dictionaries(st.sampled_from(["lint", "no", "3"]), COMMANDS)),
    weakest_wall=st.sampled_from(["none", "landlock", "container", "bubblewrap"]),
    pull_requests=st.builds(PullRequests, draft=st.sampled_from(["when_unproven", "always"])),
)  # fmt: skip


@settings(max_examples=40, deadline=None, derandomize=True)
@given(POLICIES.filter(lambda policy: policy.trigger not in {*policy.blocked, *policy.skip.labels}))
def test_a_policy_that_was_written_out_reads_as_itself(policy):
    read = bare(read_policy([server(render(policy))]))
    # The default's own scopes lie under it: maps merge.
    assert replace(read, scopes={name: read.scopes[name] for name in policy.scopes}) == policy


def test_the_default_policy_that_was_written_out_reads_as_itself():
    assert bare(read_policy([server(render(default_policy()))])) == bare(default_policy())
