"""An export of an audit trail: whole when nothing was touched, and every touch is found and named by its line."""

import copy
import json

import pytest
from core_example import HEAD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from github_app.core.audit import BEGINNING, FIELDS, Who, canonical, chained, evidence, find_fault, seal, sealed, starts
from github_app.core.digest import digest, subject
from github_app.core.names import Tier
from github_app.core.proof import AttemptReport, Check, Proof, Verdict

SUBJECT = subject(title="t", body="b", labels=["bug"], tier=Tier.PROPOSED, policy_version="policy-1", base=HEAD)
TEXT = digest(SUBJECT)
GIVEN = {"comment_id": 5, "user_id": 8, "login": "bob", "digest": TEXT, "subject": SUBJECT}
DECISION = {"verdict": "hold", "policy_version": "policy-1", "facts": {"now": 1}}
REPORT = AttemptReport(
    outcome="done",
    sentence="A pull request is open.",
    base=HEAD,
    head="c" * 40,
    wall="bubblewrap",
    proof=Proof(checks=(Check(name="tests", verdict=Verdict.PASSED), Check(name="docs", verdict=Verdict.FAILED))),
)
BORN = {"category": "bugfix", "tier": "proposed", "subject": SUBJECT, "requester_id": 7, "requester": "ada"}
LIFE = (
    (None, "held", "create", 1, BORN),
    ("held", "held", "approval", 1, GIVEN),
    ("held", "queued", "approve", 2, {"expires_at": None}),
    ("queued", "running", "claim", 3, {"fence": 1, "attempts": 1}),
    ("running", "in_review", "submit", 4, {"run": evidence(1, REPORT)}),
)


def chain(life):
    lines, previous = [], BEGINNING
    for seq, (before, after, move, version, data) in enumerate(life, start=1):
        decided = move not in {"claim", "laid"}
        values = {
            "task_id": 3, "seq": seq, "version": version, "at": 1000 + seq, "from_state": before, "to_state": after,
            "move": move, "actor": "ada", "actor_id": 7, "delivery_id": seq if decided else None,
            "decision": seal(DECISION) if decided else None, "policy_version": "policy-1", "text_digest": TEXT,
            "base": HEAD, "code": "a.code", "sentence": "A sentence.", "data": data,
        }  # fmt: skip
        previous = chained(values, previous)
        lines.append({**values, "digest": previous})
    return lines


def export(life=LIFE, **parts):
    lines = chain(life)
    last = lines[-1]
    whole = {
        "task": {"id": 3, "version": last["version"], "state": last["to_state"], "digest": TEXT, "base": HEAD},
        "lines": lines,
        "approvals": [{**GIVEN, "task_id": 3, "at": 1002, "withdrawn_at": None, "withdrawn_why": ""}],
        "decisions": [{"delivery_id": 1, "document": DECISION}],
        "policies": {"policy-1": {"sources": {"default.yml": "version: 1\n"}, "first_seen_at": 1}},
        **parts,
    }
    return json.loads(json.dumps(sealed(whole)))


def again(document):
    """Let whoever forges a document put a fitting head and seal on it."""
    return sealed({name: value for name, value in document.items() if name not in {"head", "seal", "format"}})


def rechained(document, start):
    """Let whoever forges it compute the digests anew from a line on."""
    lines = document["lines"]
    previous = lines[start - 1]["digest"] if start else BEGINNING
    for line in lines[start:]:
        previous = line["digest"] = chained(line, previous)
    return again(document)


def test_an_export_that_nobody_touched_fits():
    assert None is find_fault(export())
    assert None is find_fault(export(), head=export()["lines"][2]["digest"])


def places(value, path=()):
    """Yield the path of every value inside a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from places(one, (*path, key))


PLACES = tuple(places(export()))


def parent(document, path):
    for key in path[:-1]:
        document = document[key]
    return document


def another(value):
    match value:
        case str():
            return f"{value}x"
        case bool() | None:
            return 1
        case int() | float():
            return value + 1
        case _:
            return "another"


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_no_value_can_be_changed_or_dropped_unseen_and_one_in_a_line_is_found_at_its_line(path):
    changed, dropped = export(), export()
    parent(changed, path)[path[-1]] = another(parent(changed, path)[path[-1]])
    del parent(dropped, path)[path[-1]]
    for touched in (changed, dropped):
        fault = find_fault(touched)
        assert fault is not None
        if path[0] == "lines" and len(path) > 2:
            assert path[1] + 1 == fault.line


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_line_can_be_dropped_doubled_or_moved_even_with_a_new_head_and_seal(data):
    document = export()
    lines = document["lines"]
    at = data.draw(st.integers(0, len(lines) - 1))
    how = data.draw(st.sampled_from(["drop", "double", "swap", "insert"]))
    match how:
        case "drop":
            del lines[at]
        case "double":
            lines.insert(at, copy.deepcopy(lines[at]))
        case "swap":
            other = data.draw(st.integers(0, len(lines) - 1).filter(lambda index: index != at))
            lines[at], lines[other] = lines[other], lines[at]
            at = min(at, other)
        case "insert":
            lines.insert(at, {**lines[at], "digest": chained(lines[at], lines[at]["digest"])})
    fault = find_fault(again(document))
    assert fault is not None
    assert fault.line in {at + 1, at + 2} or (how == "drop" and fault.line == at)


@settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([name for name in FIELDS if name != "data"]), st.integers(0, len(LIFE) - 1), st.data())
def test_a_forger_who_computes_the_chain_anew_still_misses_the_head_that_was_kept_elsewhere(field, at, data):
    document = export()
    kept = document["head"]["digest"]
    line = document["lines"][at]
    line[field] = data.draw(st.sampled_from([another(line[field]), None]).filter(lambda value: value != line[field]))
    fault = find_fault(rechained(document, at), head=kept)
    assert fault is not None


def test_lines_cut_off_the_end_are_missed_because_of_the_task_and_its_approvals():
    document = export()
    del document["lines"][-1]
    fault = find_fault(again(document))
    assert (fault.line, "lines are missing behind it" in fault.sentence) == (4, True)
    noted = export(LIFE[:2])
    del noted["lines"][-1]
    fault = find_fault(again(noted))
    assert (fault.line, fault.sentence) == (1, "there is an approval that no line up to it recorded")


def test_an_approval_cannot_be_taken_away_added_or_withdrawn_beside_the_lines():
    none = again({**export(), "approvals": []})
    assert find_fault(none).line == 2
    row = export()["approvals"][0]
    assert find_fault(again({**export(), "approvals": [{**row, "withdrawn_at": 1003}]})).line == 2
    assert find_fault(again({**export(), "approvals": [row, {**row, "user_id": 9}]})) is not None


def test_a_decision_and_a_policy_belong_to_the_lines_that_name_them():
    other = export()
    other["decisions"][0]["document"]["verdict"] = "run"
    assert ((fault := find_fault(again(other))).line, "decision" in fault.sentence) == (1, True)
    assert find_fault(again({**export(), "policies": {}})).line == 1


@pytest.mark.parametrize(
    ("at", "changes"),
    [
        (3, {"to_state": "completed"}),
        (3, {"move": "merge"}),
        (2, {"version": 3}),
        (1, {"to_state": "queued"}),
        (0, {"text_digest": "0" * 12}),
        (1, {"data": {**GIVEN, "digest": "0" * 12}}),
    ],
)
def test_a_whole_chain_that_tells_what_cannot_have_been_is_found(at, changes):
    document = export()
    document["lines"][at].update(changes)
    assert at + 1 == find_fault(rechained(document, at)).line


@pytest.mark.parametrize(
    "rubbish",
    [
        None, [], 7, {}, {"format": "remit-audit/1"}, {**export(), "format": "remit-audit/2"},
        {**export(), "lines": []}, {**export(), "lines": [1]}, {**export(), "extra": 1},
        {**export(), "task": []}, {**export(), "approvals": [{}]},
        again({**export(), "lines": [{**export()["lines"][0], "move": []}]}),
    ],
)  # fmt: skip
def test_rubbish_is_no_export_and_no_crash(rubbish):
    assert find_fault(rubbish) is not None


def test_a_start_is_explained_by_the_chain_alone_approvals_text_policy_and_base():
    (start,) = starts(chain(LIFE))
    assert (4, "approval", (Who(id=8, login="bob", comment_id=5),)) == (start.line, start.by, start.people)
    assert (start.tier, start.text_digest, start.policy_version, start.base) == ("proposed", TEXT, "policy-1", HEAD)


def test_a_start_at_once_is_explained_by_who_set_the_label():
    born = {**BORN, "tier": "auto_safe"}
    (start,) = starts(chain(((None, "queued", "create", 1, born), ("queued", "running", "claim", 2, {}))))
    assert ("label", (Who(id=7, login="ada"),)) == (start.by, start.people)


def test_a_withdrawn_approval_explains_no_start():
    life = (*LIFE[:3], ("queued", "queued", "withdrawal", 2, GIVEN), ("queued", "running", "claim", 3, {}))
    assert [start.by for start in starts(chain(life))] == ["nobody"]


def test_a_start_from_before_the_chain_was_laid_is_explained_by_what_was_known_then():
    given = {**GIVEN, "at": 1000, "withdrawn_at": None}
    laid = {**BORN, "approvals": [given, {**given, "user_id": 9, "at": 5000}]}
    life = (
        (None, "held", "create", 1, {}),
        ("held", "queued", "approve", 2, {}),
        ("queued", "running", "claim", 3, {}),
        ("running", "running", "laid", 3, laid),
        ("running", "retryable", "retry", 4, {}),
        ("retryable", "running", "claim", 5, {}),
    )
    assert [[who.id for who in start.people] for start in starts(chain(life))] == [[8], [8, 9]]


def test_what_a_run_proved_is_kept_without_its_words():
    kept = evidence(2, REPORT)
    assert (kept["fence"], kept["base"], kept["head"], kept["passed"]) == (2, HEAD, "c" * 40, False)
    assert [(c["name"], c["verdict"]) for c in kept["checks"]] == [("tests", "passed"), ("docs", "failed")]


def test_the_canonical_text_never_changes():
    line = chain(LIFE)[0]
    assert canonical({"b": {}, "a": [1, None, "é"]}) == '{"a":[1,null,"\\u00e9"],"b":{}}'
    assert line["digest"] == "8ec0913ca8f3081f86734fe1088c2f1abc96dd07c7e632b0ff06588bb4368497"
