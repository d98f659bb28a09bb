"""Files that are not a policy, and exactly what is said about each."""
# ruff: noqa: E501 - a row of the table is one line

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from github_app.errors import PolicyError
from github_app.policy.layers import Layer, Source
from github_app.policy.problems import UnreadablePolicyError
from github_app.policy.read import read_policy
from github_app.policy.shape import PolicyShape

TABLE = [
    # not even YAML, or more of YAML than a policy needs
    ("\ttrigger: remit\n", "1:1", "a tab stands where spaces must be"),
    ("caps:\n\tpending_per_repository: 1\n", "2:1", "a tab stands where spaces must be"),
    ("blocked: [a, b\n", "2:1", "not YAML: expected ',' or ']', but got '<stream end>'"),
    ("trigger: 'remit\n", "2:1", "not YAML: found unexpected end of stream"),
    ("trigger: a\x01b\n", "1:11", "the character U+0001 may not stand in a policy file"),
    ('trigger: "a\\x01b"\n', "1:10", "the text contains the control character U+0001"),
    ('trigger: "\\ud800"\n', "1:10", "the text contains the control character U+D800"),
    ("trigger: &here remit\n", "1:10", "anchor &here: anchors are not allowed"),
    ("a: &x {}\ncaps: *x\n", "1:4", "anchor &x: anchors are not allowed"),
    ("trigger: !!str no\n", "1:10", "tag tag:yaml.org,2002:str: tags are not allowed"),
    ("trigger: !env TOKEN\n", "1:10", "tag !env: tags are not allowed"),
    ("caps:\n  <<: {pending_per_repository: 1}\n", "2:3", "merge keys (<<) are not allowed"),
    ("mode: active\ntrigger: a\nmode: propose\n", "3:1", "key 'mode' is already written in line 1"),
    ("mode: active\n---\nmode: propose\n", "2:1", "a second document starts here; a policy file is one document"),
    ("%YAML 1.1\n---\nmode: active\n", "2:1", "YAML directives (%...) are not allowed"),
    ("1: a\n", "1:1", "key 1 is not text"),
    ("true: a\n", "1:1", "key true is not text"),
    ("? [a]\n: b\n", "1:3", "a key must be text, not a list or a map"),
    ("- trigger\n", "1:1", "the file must be a map of keys"),
    ("remit\n", "1:1", "the file must be a map of keys"),
    ("a: " + "[" * 12 + "]" * 12 + "\n", "1:13", "not YAML: deeper than 10 levels"),
    ("# " + "x" * 65_536 + "\n", "1:1", "the file has 65539 bytes; at most 65536 are read"),
    # keys
    ("lables: [bug]\n", "1:1", "unknown key 'lables'"),
    ("blokced: [bug]\n", "1:1", "unknown key 'blokced': did you mean 'blocked'?"),
    ("caps:\n  pending-per-repository: 5\n", "2:3", "unknown key 'pending-per-repository': did you mean 'pending_per_repository'?"),
    ("rules:\n  - lables: [bug]\n    labels: [bug]\n    category: docs\n    tier: proposed\n", "2:5", "unknown key 'lables': did you mean 'labels'?"),
    ("agents:\n  docs: {adaptor: x}\n", "2:10", "unknown key 'adaptor': did you mean 'adapter'?"),
    ("rules:\n  - labels: [bug]\n    category: docs\n", "2:5", "key 'tier' is missing"),
    # kinds of values
    ("caps: 5\n", "1:7", "`caps` must be a map, not 5"),
    ("caps:\n", "2:1", "`caps` must be a map, not nothing"),
    ("trigger: true\n", "1:10", "`trigger` must be text, not true"),
    ("blocked: security\n", "1:10", "`blocked` must be a list, not 'security'"),
    ("blocked: [null]\n", "1:11", "`blocked[0]` must be text, not nothing"),
    ("skip: {assigned: yes}\n", "1:18", "`skip.assigned` must be true or false, not 'yes'"),
    ("caps: {pending_per_repository: '5'}\n", "1:32", "`caps.pending_per_repository` must be a whole number, not '5'"),
    ("retries: 1.5\n", "1:10", "`retries` must be a whole number, not 1.5"),
    ("retries: true\n", "1:10", "`retries` must be a whole number, not true"),
    ("limits: {usd: .inf}\n", "1:15", "`limits.usd` must be a number, not '.inf'"),
    ("limits: {usd: 1e9}\n", "1:15", "`limits.usd` must be a number, not '1e9'"),
    # ranges and words
    ("version: 2\n", "1:10", "`version` must be at most 1, not 2"),
    ("caps: {pending_per_repository: 0}\n", "1:32", "`caps.pending_per_repository` must be at least 1, not 0"),
    ("limits: {minutes: 2000}\n", "1:19", "`limits.minutes` must be at most 1440, not 2000"),
    ("mode: activ\n", "1:7", "`mode` must be one of observe, propose, active, not 'activ': did you mean 'active'?"),
    ("ceiling: none\n", "1:10", "`ceiling` must be one of auto_safe, proposed, operator, blocked, not 'none'"),
    ("people: {label: triage}\n", "1:17", "`people.label` must be one of write, maintain, admin, not 'triage'"),
    ("people: {propose: read}\n", "1:19", "`people.propose` must be one of triage, write, maintain, admin, not 'read'"),
    ("extends: strickt\n", "1:10", "`extends` must be one of default, strict, docs-only, not 'strickt': did you mean 'strict'?"),
    # labels, categories, people
    ("trigger: ''\n", "1:10", "`trigger` is not a label name: it is empty or has spaces round it"),
    ("blocked: [' a']\n", "1:11", "`blocked[0]` is not a label name: it is empty or has spaces round it"),
    ('blocked: ["sec\\u200Burity"]\n', "1:11", "`blocked[0]` is not a label name: it has the hidden character U+200B"),
    (f"trigger: {'a' * 51}\n", "1:10", "`trigger` is not a label name: it has 51 characters, GitHub allows 50"),
    ("blocked: [bug, Bug]\n", "1:10", "`blocked` names the label 'Bug' twice"),
    ("rules:\n  - {labels: [], category: docs, tier: proposed}\n", "2:14", "`rules[0].labels` must not be empty"),
    ("rules:\n  - {labels: [a], category: Docs, tier: proposed}\n", "2:29", "`rules[0].category` must be 1 to 20 letters a-z, not 'Docs'"),
    ("scopes: {my-docs: ['**']}\n", "1:10", "`scopes.my-docs` must be 1 to 20 letters a-z, not 'my-docs'"),
    ("approval: {users: ['a b']}\n", "1:20", "`approval.users[0]` must be a GitHub login, not 'a b'"),
    # paths
    ("protected: [../x]\n", "1:13", "`protected[0]` is not a path pattern: '../x' has a segment . or .."),
    ("protected: [/etc]\n", "1:13", "`protected[0]` is not a path pattern: '/etc' is absolute: every pattern starts inside the repository"),
    ("protected: ['a\\b']\n", "1:13", "`protected[0]` is not a path pattern: 'a\\\\b' has a backslash: paths are written with /"),
    ("scopes: {docs: ['!x']}\n", "1:17", "`scopes.docs[0]` is not a path pattern: '!x' is a negation, which a policy does not have"),
    ("scopes: {docs: ['a[']}\n", "1:17", "`scopes.docs[0]` is not a path pattern: 'a[' is not a pattern git understands"),
    ("scopes: {docs: [a**b]}\n", "1:17", "`scopes.docs[0]` is not a path pattern: 'a**b' has ** beside something else in a segment"),
    ("scopes: {docs: []}\n", "1:16", "`scopes.docs` must not be empty"),
    # commands
    ("checks: {check: {t: npm test && echo}}\n", "1:21", "`checks.check.t` runs without a shell, so '&&' means nothing"),
    ("checks: {check: {t: \"a 'b\"}}\n", "1:21", "`checks.check.t` cannot be split into words: no closing quotation"),
    ("checks: {check: {t: []}}\n", "1:21", "`checks.check.t` must not be empty"),
    ("checks: {check: {t: ''}}\n", "1:21", "`checks.check.t` must not be empty"),
    ("checks: {check: {t: ['']}}\n", "1:21", "`checks.check.t` names no program"),
    ("checks: {check: {t: [make, 3]}}\n", "1:28", "`checks.check.t[1]` must be text, not 3"),
    # the whole does not fit together
    ("trigger: epic\n", "1:1", "the trigger 'epic' is also in `skip.labels`: nothing could ever run"),
    ("trigger: SECURITY\n", "1:1", "the trigger 'SECURITY' is also in `blocked`: nothing could ever run"),
    ("rules:\n  - {labels: [a], category: doc, tier: proposed}\n", "2:29", "category 'doc' has no paths it may change: did you mean 'docs'?"),
    # not for a repository to say
    ("agent: {adapter: mine}\n", "1:1", "`agent` is not for a repository: only the server's policy may choose who does the work"),
    ("agents: {docs: {}}\n", "1:1", "`agents` is not for a repository: only the server's policy may choose who does the work"),
    ("people: {bots: ['a[bot]']}\n", "1:10", "`people.bots` is not for a repository: only the server's or the organisation's policy may let an app ask for work"),
]  # fmt: skip


def problems(text, layer=Layer.REPOSITORY):
    with pytest.raises(PolicyError) as caught:
        read_policy([Source(path=".github/remit.yml", text=text, version="v", layer=layer)])
    return getattr(caught.value, "problems", (caught.value,))


@pytest.mark.parametrize(("text", "place", "sentence"), TABLE, ids=[str(number) for number in range(len(TABLE))])
def test_a_broken_file_is_refused_at_its_place_in_a_sentence(text, place, sentence):
    assert str(problems(text)[0]) == f".github/remit.yml:{place}: {sentence}"


def test_all_problems_of_a_file_are_told_in_its_order_and_the_first_is_raised():
    text = "blocked: [no]\nmode: on\ncaps:\n  pending: 1\n  running_per_repository: many\nlables: 1\n"
    found = problems(text)
    assert [(problem.line, problem.column, problem.problem) for problem in found] == [
        (2, 7, "`mode` must be one of observe, propose, active, not 'on'"),
        (4, 3, "unknown key 'pending'"),
        (5, 27, "`caps.running_per_repository` must be a whole number, not 'many'"),
        (6, 1, "unknown key 'lables'"),
    ]
    with pytest.raises(UnreadablePolicyError) as caught:
        read_policy([Source(path="p.yml", text=text, version="v")])
    assert (caught.value.line, caught.value.column) == (2, 7)


def test_at_most_a_hundred_problems_of_one_file_are_worked_out():
    assert len(problems("".join(f"key{number}: 1\n" for number in range(2000)))) == 100


def test_all_misuses_of_yaml_are_told_at_once():
    found = problems("a: &x 1\nb: *x\nc: !t 2\n<<: {}\na: 3\n")
    assert [(problem.line, problem.column) for problem in found] == [(1, 4), (2, 4), (3, 4), (4, 1), (5, 1)]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("trigger: true\n", 'write "true" in quotes if it is text'),
        ("trigger: 2026\n", 'write "2026" in quotes if it is text'),
        ("blocked: security\n", "write [security]"),
        ("skip: {assigned: no}\n", "write false"),
        ("skip: {assigned: 'true'}\n", "write true"),
        ("retries: '2'\n", "write plain decimal digits, without quotes"),
        ("checks: {check: {t: a | b}}\n", "write one program, or a script of yours"),
        ("agent: {}\n", "remove the key, or ask who runs Remit"),
        ("size: {fles: 1}\n", "known here: files, bytes, file_bytes"),
    ],
)
def test_a_problem_comes_with_what_to_try(text, hint):
    assert problems(text)[0].hint == hint


def test_bytes_that_are_not_utf8_are_refused_where_they_stand():
    with pytest.raises(PolicyError) as caught:
        Source.of("p.yml", "a: ä\nb: ".encode() + b"\xe4", "v")
    assert str(caught.value) == "p.yml:2:4: byte 0xe4 is not UTF-8"


def test_bytes_beyond_the_limit_are_refused_before_they_are_decoded():
    with pytest.raises(PolicyError, match="at most 65536"):
        Source.of("p.yml", b"\xff" * 65_537, "v")


def refusal(source):
    try:
        read_policy([source()])
    except PolicyError as error:
        return error
    return None


PIECES = st.sampled_from(
    ["rules", "labels", "caps", "trigger", "extends: strict", "blocked", "protected", ": ", "- ", "\n", "  ", "[", "]",
     "{", "}", "&a", "*a", "!t ", "<<", "? ", "|\n", ">\n", "'", '"', "\\", "#", "%", "---", "...", "\t", "\ufeff", "null",
     "true", "1", "1e999", "9" * 30, "0x1", "\x85", "\u2028", "\x00", "\ud800", "**/a", "..", ",", "\r\n", "\\U00110000"]
)  # fmt: skip


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join)))
@example('a: "\\U00110000"')
@example("%YAML 1." + "9" * 5000 + "\n---\n")
@example("a: " + "9" * 5000)
@example("[" * 60_000)
@example("? " * 2_000)
@example("- " * 2_000)
@example("!<" + "%" * 10 + "> a")
@example("!%ff%ff a")
@example("a: |9999999999\n b")
def test_no_text_whatever_raises_anything_but_a_policy_error(text):
    error = refusal(lambda: Source(path="p.yml", text=text, version="v"))
    assert error is None or (error.line >= 1 and error.column >= 1)


WORDS = st.sampled_from(
    [
        *PolicyShape.model_fields,
        "labels",
        "category",
        "tier",
        "docs",
        "users",
        "check",
        "adapter",
        "command",
        "nonsense",
    ]
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-1, 9), st.floats(0, 9, width=16), st.just("remit"), WORDS)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=8,
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.dictionaries(WORDS, TREES, max_size=4))
def test_no_tree_of_known_words_raises_anything_but_a_policy_error(tree):
    error = refusal(lambda: Source(path="p.yml", text=json.dumps(tree), version="v", layer=Layer.SERVER))
    assert error is None or error.problem


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_no_bytes_whatever_raise_anything_but_a_policy_error(raw):
    error = refusal(lambda: Source.of("p.yml", raw, "v"))
    assert error is None or error.problem
