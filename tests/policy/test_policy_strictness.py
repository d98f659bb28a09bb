"""What is tighter, key by key; and that nothing which passes as tighter lets anything run that did not."""

from collections import Counter
from dataclasses import fields, is_dataclass, replace
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from github_app.core.assess import assess
from github_app.core.caps import over_cap
from github_app.core.decision import Verdict
from github_app.core.facts import Facts, Issue, Label, Ledger, Person, Repository
from github_app.core.names import Category, InstallationId, Instant, Mode, Permission, RepositoryId, Sha, Tier, UserId
from github_app.core.policy import Agent, Approval, Caps, Checks, Limits, People, Policy, PullRequests, Rule, Size, Skip
from github_app.policy.read import default_policy
from github_app.policy.strictness import Turn, changes, is_tighter, values

DOCS, TESTS = Category("docs"), Category("tests")


def rule(*labels, category=DOCS, tier=Tier.AUTO_SAFE, none_of=()):
    return Rule(labels=labels, category=category, tier=tier, none_of=none_of)


SCOPES = {"docs": ("*.md", "docs/**"), "tests": ("tests/**",)}
BASE = Policy(
    version="",
    mode=Mode.PROPOSE,
    ceiling=Tier.PROPOSED,
    public_ceiling=Tier.OPERATOR,
    people=People(label=Permission.MAINTAIN, command=Permission.MAINTAIN, bots=("a[bot]", "b[bot]")),
    approval=Approval(permission=Permission.MAINTAIN, count=2, users=("ann", "tom"), author_may_approve=False),
    caps=Caps(created_per_day=9),
    scopes=SCOPES,
    protected=("a", "b"),
    agents={"docs": Agent(adapter="x")},
    checks=Checks(prepare={"deps": ("npm", "ci")}, check={"test": ("make",)}),
    pull_requests=PullRequests(draft="always", close_issue=False),
    weakest_wall="container",
    rules=(rule("d", tier=Tier.PROPOSED),),
)
TIGHTER, LOOSER, OTHER = Turn.TIGHTER, Turn.LOOSER, Turn.OTHER
TURNS = [
    (("mode",), Mode.OBSERVE, TIGHTER), (("mode",), Mode.ACTIVE, LOOSER),
    (("trigger",), None, LOOSER), (("trigger",), "go", OTHER),
    (("blocked",), (*BASE.blocked, "x"), TIGHTER), (("blocked",), ("security",), LOOSER), (("blocked",), ("x",), OTHER),
    (("ceiling",), Tier.OPERATOR, TIGHTER), (("ceiling",), Tier.AUTO_SAFE, LOOSER),
    (("public_ceiling",), Tier.BLOCKED, TIGHTER), (("public_ceiling",), Tier.PROPOSED, LOOSER),
    (("skip", "labels"), (*BASE.skip.labels, "x"), TIGHTER), (("skip", "labels"), (), LOOSER),
    (("skip", "assigned"), False, LOOSER), (("skip", "linked_pull_request"), False, LOOSER),
    (("skip", "body_shorter_than"), 21, TIGHTER), (("skip", "body_shorter_than"), 0, LOOSER),
    (("skip", "body_shorter_than_for_auto_safe"), 101, TIGHTER),
    (("skip", "body_shorter_than_for_auto_safe"), 99, LOOSER),
    (("people", "label"), Permission.ADMIN, TIGHTER), (("people", "label"), Permission.WRITE, LOOSER),
    (("people", "propose"), Permission.WRITE, TIGHTER), (("people", "propose"), Permission.READ, LOOSER),
    (("people", "command"), Permission.ADMIN, TIGHTER), (("people", "command"), Permission.WRITE, LOOSER),
    (("people", "bots"), ("a[bot]",), TIGHTER), (("people", "bots"), (*BASE.people.bots, "c[bot]"), LOOSER),
    (("approval", "permission"), Permission.ADMIN, TIGHTER), (("approval", "permission"), Permission.WRITE, LOOSER),
    (("approval", "count"), 3, TIGHTER), (("approval", "count"), 1, LOOSER),
    (("approval", "users"), ("ann",), TIGHTER), (("approval", "users"), (), LOOSER),
    (("approval", "users"), ("eve",), OTHER),
    (("approval", "author_may_approve"), True, LOOSER), (("approval", "labeller_may_approve"), False, TIGHTER),
    (("approval", "expires_days"), 1, TIGHTER), (("approval", "expires_days"), 8, LOOSER),
    *[((part, item.name), getattr(getattr(BASE, part), item.name) + by, turn)
      for part in ("caps", "limits", "size") for item in fields(getattr(BASE, part))
      for by, turn in ((-0.5, TIGHTER), (1, LOOSER))],
    (("caps", "created_per_day"), None, LOOSER), (("caps", "open_pull_requests_per_repository"), None, LOOSER),
    (("retries",), 1, TIGHTER), (("retries",), 3, LOOSER),
    (("retry_after_seconds",), 60, TIGHTER), (("retry_after_seconds",), 1, LOOSER),
    (("scopes",), {**SCOPES, "docs": ("*.md",)}, TIGHTER), (("scopes",), {**SCOPES, "docs": ("**",)}, LOOSER),
    (("scopes",), {**SCOPES, "docs": ("*.rst",)}, OTHER), (("scopes",), {**SCOPES, "web": ("web/**",)}, LOOSER),
    (("protected",), ("a", "b", "c"), TIGHTER), (("protected",), ("a",), LOOSER), (("protected",), ("a", "B"), OTHER),
    (("agent",), Agent(adapter="other"), OTHER), (("agents",), {"docs": Agent(adapter="other")}, OTHER),
    (("checks", "prepare"), {"deps": ("npm", "ci"), "more": ("make",)}, TIGHTER),
    (("checks", "prepare"), {"deps": ("true",)}, OTHER),
    (("checks", "check"), {"test": ("make",), "lint": ("make", "lint")}, TIGHTER),
    (("checks", "check"), {"test": ("true",)}, OTHER), (("checks", "check"), {}, LOOSER),
    (("checks", "minutes"), 1, TIGHTER), (("checks", "minutes"), 11, LOOSER),
    (("weakest_wall",), "bubblewrap", TIGHTER), (("weakest_wall",), "landlock", LOOSER),
    (("pull_requests", "draft"), "when_unproven", LOOSER), (("pull_requests", "close_issue"), True, LOOSER),
    (("repositories",), "none", TIGHTER), (("repositories",), "any", LOOSER),
]  # fmt: skip


def put(policy, path, value):
    """The policy with another value at a path of fields."""
    if len(path) == 1:
        return replace(policy, **{path[0]: value})
    return replace(policy, **{path[0]: put(getattr(policy, path[0]), path[1:], value)})


@pytest.mark.parametrize(("path", "value", "turn"), TURNS, ids=lambda value: str(value)[:40])
def test_each_key_has_its_own_order(path, value, turn):
    (change,) = changes(BASE, put(BASE, path, value))
    assert (turn, path) == (change.turn, change.path[: len(path)])
    assert (turn is TIGHTER) == is_tighter(".".join(path), BASE, put(BASE, path, value))
    assert turn is TIGHTER or change.hint, "who is refused is told what to write"
    assert is_tighter("retries", BASE, put(BASE, path, value)) or path == ("retries",), "each key is judged by itself"


def test_every_key_of_the_language_is_compared_in_both_directions():
    compared = {path for path, _, _ in TURNS} | {("rules",)}

    def leaves(value, path=()):
        for item in fields(value):
            inner = getattr(value, item.name)
            if is_dataclass(inner) and item.name != "agent":
                yield from leaves(inner, (*path, item.name))
            elif item.name not in {"version", "origins", "notes", "broken"}:
                yield (*path, item.name)

    assert set(leaves(BASE)) == compared
    assert list(changes(BASE, BASE)) == []
    assert {path[0] for path, _ in values(default_policy())} | {"rules", "agents"} == {path[0] for path in compared}


RULES = (
    rule("bug", tier=Tier.PROPOSED, category=TESTS),
    rule("doc", "docs"),
    rule("test", category=TESTS, none_of=("flaky",)),
)
MAPS = [
    (RULES, TIGHTER, None),
    ((), TIGHTER, None),
    ((replace(RULES[0], tier=Tier.BLOCKED), *RULES[1:]), TIGHTER, None),
    ((replace(RULES[0], labels=("BUG",)), *RULES[1:]), TIGHTER, None),
    ((RULES[0], rule("doc"), rule("docs"), RULES[2]), TIGHTER, None),
    ((replace(RULES[0], tier=Tier.AUTO_SAFE), *RULES[1:]), LOOSER, "`bug` is no longer at least proposed"),
    (RULES[1:], OTHER, "`bug` is no longer at least proposed"),
    (RULES[:2], OTHER, "whoever set `test`"),
    ((*RULES, rule("new")), LOOSER, "labelled `new` can become a task by this rule alone"),
    ((*RULES[:2], replace(RULES[2], none_of=())), LOOSER, "labelled `test` can become"),
    ((replace(RULES[0], none_of=("x",)), *RULES[1:]), OTHER, "`bug` is no longer"),
    ((RULES[0], rule("docs", "doc"), RULES[2]), OTHER, "whoever set `doc`"),
    ((RULES[0], replace(RULES[1], category=TESTS), RULES[2]), OTHER, "category docs (`doc`) can become one of"),
    ((RULES[1], RULES[0], RULES[2]), OTHER, "category tests (`bug`) can become one of category docs"),
]


@pytest.mark.parametrize(("rules", "turn", "why"), MAPS)
def test_a_label_map_is_tighter_when_no_issue_gains_by_it(rules, turn, why):
    upper, lower = (replace(BASE, ceiling=Tier.AUTO_SAFE, rules=each) for each in (RULES, rules))
    found = list(changes(upper, lower))
    assert is_tighter("rules", upper, lower) == (turn is TIGHTER)
    assert turn is TIGHTER or (found[0].turn is not TIGHTER and any(why in change.sentence for change in found))


def test_a_rule_may_go_when_its_labels_are_skipped_or_nothing_less_strict_is_left():
    upper = replace(BASE, ceiling=Tier.AUTO_SAFE, rules=RULES)
    lower = replace(upper, rules=RULES[1:], skip=Skip(labels=(*upper.skip.labels, "Bug")))
    assert [change.turn for change in changes(upper, lower)] == [TIGHTER, TIGHTER]
    lower = replace(upper, rules=RULES[:2], ceiling=Tier.PROPOSED)
    assert [change.turn for change in changes(upper, lower)] == [TIGHTER, TIGHTER]


# The property: what passes as tighter never lets anything run that did not

NAMES = ("go", "a", "b", "c", "d")
PEOPLE = [
    Person(id=UserId(number), login=f"p{number}", human=number < 4, permission=permission)
    for number, permission in enumerate(
        (Permission.ADMIN, Permission.WRITE, Permission.TRIAGE, Permission.NONE, Permission.NONE)
    )
]


def some(kind, **keys):
    return st.builds(kind, **keys)


TIERS = st.sampled_from([Tier.AUTO_SAFE, Tier.AUTO_SAFE, Tier.PROPOSED, Tier.BLOCKED])
LABELS = st.lists(st.sampled_from(NAMES[1:]), unique=True, min_size=1, max_size=3).map(tuple)
BARRED = st.lists(st.sampled_from(NAMES[1:]), unique=True, max_size=1).map(tuple)
RULE = some(Rule, labels=LABELS, none_of=BARRED, tier=TIERS, category=st.sampled_from([DOCS, TESTS]))
WRITERS = st.sampled_from([Permission.WRITE, Permission.WRITE, Permission.MAINTAIN])
COUNTS = st.integers(1, 5)
FIELDS = {
    "mode": st.sampled_from([Mode.ACTIVE, Mode.ACTIVE, Mode.PROPOSE]),
    "trigger": st.sampled_from(["go", "go", None]),
    "blocked": BARRED,
    "ceiling": st.sampled_from([Tier.AUTO_SAFE, Tier.AUTO_SAFE, Tier.PROPOSED]),
    "public_ceiling": st.sampled_from([Tier.AUTO_SAFE, Tier.PROPOSED]),
    "rules": st.lists(RULE, min_size=1, max_size=4).map(tuple),
    "skip": some(
        Skip,
        labels=BARRED,
        assigned=st.booleans(),
        linked_pull_request=st.booleans(),
        body_shorter_than=st.sampled_from([0, 30]),
        body_shorter_than_for_auto_safe=st.sampled_from([0, 80]),
    ),
    "people": some(People, label=WRITERS, propose=st.sampled_from([Permission.TRIAGE, Permission.WRITE])),
    "caps": some(Caps, pending_per_repository=COUNTS, created_per_day=st.none() | COUNTS),
    "limits": some(Limits, usd=COUNTS, turns=COUNTS),
    "size": some(Size, files=COUNTS),
}
UPPERS = st.builds(Policy, version=st.just(""), scopes=st.just({"docs": ("**",), "tests": ("tests/**",)}), **FIELDS)


OPEN = {
    "mode": Mode.ACTIVE,
    "blocked": (),
    "ceiling": Tier.AUTO_SAFE,
    "public_ceiling": Tier.AUTO_SAFE,
    "skip": Skip(labels=(), body_shorter_than=0, body_shorter_than_for_auto_safe=0),
    "people": People(),
}


@st.composite
def pairs(draw):
    """Two policies, the lower one with one to three keys drawn again."""
    upper = draw(UPPERS)
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, min_size=1, max_size=3))
    return upper, replace(upper, **{name: draw(FIELDS[name]) for name in names})


def rules_like(rules):
    """Every label map that is one small change away."""
    for place, one in enumerate(rules):
        other = TESTS if one.category == DOCS else DOCS
        for made in (
            (),
            (replace(one, tier=Tier.PROPOSED),),
            (replace(one, tier=Tier.AUTO_SAFE),),
            (replace(one, labels=one.labels[1:] or one.labels),),
            (replace(one, labels=one.labels[::-1]),),
            tuple(replace(one, labels=(label,)) for label in one.labels),
            (replace(one, labels=(*one.labels, "d")),),
            (replace(one, none_of=()),),
            (replace(one, none_of=("d",)),),
            (replace(one, category=other),),
            (rules[-1], one),
        ):
            yield (*rules[:place], *made, *rules[place + 1 :])


def known():
    """Facts in which much may run: every set of labels, set by trusted people or one of them by somebody else."""
    for labels in (chosen for count in (1, 2, 3, 4) for chosen in combinations(NAMES[1:], count)):
        odd = [("go", 1, 100, True), ("go", 2, 100, True), ("go", 1, 50, True), ("go", 1, 100, False)]
        for place, (name, who, body, private) in enumerate((*odd, *((label, 3, 100, True) for label in labels))):
            by = dict.fromkeys(NAMES, PEOPLE[1]) | {name: PEOPLE[who]}
            yield Facts(
                now=Instant(0),
                own_user_id=UserId(99),
                repository=Repository(
                    id=RepositoryId(1), installation_id=InstallationId(1), full_name="acme/widgets",
                    private=private, archived=False, default_branch="main", head=Sha("a" * 40),
                ),
                issue=Issue(
                    number=1, title="A title", body="x" * body, url="", open=True, locked=False, is_pull=False,
                    transferred=False, labels=tuple(Label(name=each, by=by[each]) for each in (*labels, "go")),
                    author=PEOPLE[0], editor=None, edited_at=None,
                    assignees=("ann",) if place == 2 else (), linked_pulls=(9,) if place == 3 else (),
                ),
                ledger=Ledger(pending_repository=place, created_today=place),
            )  # fmt: skip


FACTS = tuple(known())
SEEN: Counter[str] = Counter()


def look_at(upper, lower, before):
    """Hold a policy that may pass as tighter against all facts; `before` is what they were under the upper one."""
    found = list(changes(upper, lower))
    if any(change.turn is not TIGHTER for change in found):
        SEEN["looser"] += 1
        return
    SEEN["tighter"] += bool(found)
    for facts, was in zip(FACTS, before, strict=True):
        now = assess(lower, facts)
        SEEN["stopped"] += was.verdict is Verdict.RUN and now.verdict is not Verdict.RUN
        assert was.verdict is Verdict.RUN or now.verdict is not Verdict.RUN, (found, was, now)
        assert not now.eligible or was.tier is None or now.tier >= was.tier, (found, was, now)
        assert over_cap(upper, facts.ledger) is None or over_cap(lower, facts.ledger) is not None
    grown = [
        path
        for (path, old), (_, new) in zip(values(upper), values(lower), strict=True)
        if path[0] in {"caps", "limits", "size"} and new is not old and (new is None or (old or 1e9) < new)
    ]
    assert grown == []


FEW = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@settings(FEW, max_examples=250)
@given(pairs())
def check_keys(pair):
    upper, lower = pair
    look_at(upper, lower, [assess(upper, facts) for facts in FACTS])


@settings(FEW, max_examples=60)
@given(UPPERS)
def check_rules(policy):
    upper = replace(policy, **OPEN)
    before = [assess(upper, facts) for facts in FACTS]
    for rules in rules_like(upper.rules):
        look_at(upper, replace(upper, rules=rules), before)


@pytest.mark.parametrize(
    ("check", "least"),
    [
        (check_keys, {"tighter": 20, "looser": 60, "stopped": 10}),
        (check_rules, {"tighter": 300, "looser": 300, "stopped": 600}),
    ],
)
def test_what_passes_as_tighter_never_lets_anything_run_that_did_not_and_raises_no_cap_or_limit(check, least):
    SEEN.clear()
    check()
    assert {name: SEEN[name] for name in least if SEEN[name] < least[name]} == {}
