"""What counts as proved."""

import pytest

from github_app.core.policy import Size
from github_app.core.proof import (
    KINDS,
    PROTECTED,
    SCOPE,
    SECRETS,
    SIZE,
    ChangedFile,
    Check,
    Finding,
    Proof,
    Review,
    Verdict,
    check_paths,
    judge_command,
)

PASSED, FAILED, UNKNOWN = Verdict.PASSED, Verdict.FAILED, Verdict.COULD_NOT_RUN


@pytest.mark.parametrize(
    ("before", "after", "verdict", "good"),
    [
        (PASSED, PASSED, PASSED, True),
        (PASSED, FAILED, FAILED, False),
        (PASSED, UNKNOWN, UNKNOWN, False),
        (FAILED, PASSED, PASSED, True),
        (FAILED, FAILED, FAILED, True),  # shown, not blamed
        (FAILED, UNKNOWN, UNKNOWN, False),
        (UNKNOWN, PASSED, PASSED, True),
        (UNKNOWN, FAILED, FAILED, False),
        (UNKNOWN, UNKNOWN, UNKNOWN, False),
    ],
)
def test_a_command_is_blamed_for_what_fails_now_and_did_not_before(before, after, verdict, good):
    check = judge_command("tests", before=before, after=after)
    assert (check.verdict, check.good) == (verdict, good)


def test_what_fails_on_the_base_is_said():
    assert judge_command("tests", before=FAILED, after=FAILED).note == "fails on the base too: not blamed"
    assert judge_command("tests", before=FAILED, after=PASSED).note == "failed on the base"
    assert judge_command("tests", before=PASSED, after=FAILED, note="2 failed").note == "2 failed"


def test_an_empty_proof_proves_nothing():
    assert not Proof().passed


@pytest.mark.parametrize(
    ("verdicts", "passed"),
    [([PASSED], True), ([PASSED, PASSED], True), ([PASSED, UNKNOWN], False), ([FAILED], False), ([UNKNOWN], False)],
)
def test_every_line_must_be_good(verdicts, passed):
    checks = tuple(Check(name=str(n), verdict=verdict) for n, verdict in enumerate(verdicts))
    assert Proof(checks=checks).passed is passed


@pytest.mark.parametrize("name", [PROTECTED, SECRETS, SIZE, KINDS])
@pytest.mark.parametrize("verdict", [FAILED, UNKNOWN])
def test_some_lines_forbid_publishing_even_a_draft(name, verdict):
    proof = Proof(checks=(Check(name=name, verdict=verdict), Check(name="tests", verdict=FAILED)))
    assert [check.name for check in proof.forbids_publishing] == [name]


def test_other_failures_may_be_published_as_a_draft():
    proof = Proof(checks=(Check(name=SCOPE, verdict=FAILED), Check(name="tests", verdict=UNKNOWN)))
    assert proof.forbids_publishing == ()


def changed(path, *, size=10, mode="100644"):
    return ChangedFile(path=path, status="M", old_mode="100644", new_mode=mode, size=size, added=1, removed=1)


def judged(*files, size=None):
    limits = size or Size(files=3, bytes=100, file_bytes=60)
    checks = check_paths(
        files,
        in_scope=lambda path: path.startswith("docs/"),
        protected=lambda path: path.startswith("docs/.github"),
        size=limits,
    )
    return {check.name: check.note for check in checks if check.verdict is not PASSED}


def test_an_ordinary_change_passes_every_path_check():
    assert judged(changed("docs/a"), changed("docs/b", mode="100755"), changed("docs/c", mode="000000", size=0)) == {}


@pytest.mark.parametrize(
    ("files", "name", "note"),
    [
        ([changed("src/a")], SCOPE, "outside what this category may change: src/a"),
        (
            [changed("docs/.github/x")],
            PROTECTED,
            "touches docs/.github/x",
        ),
        ([changed(f"docs/{n}") for n in range(4)], SIZE, "4 files changed, 3 are allowed"),
        ([changed("docs/a", size=60), changed("docs/b", size=41)], SIZE, "101 bytes changed, 100 are allowed"),
        ([changed("docs/a", size=61)], SIZE, "docs/a larger than 60 bytes"),
        ([changed("docs/a", mode="120000")], KINDS, "not an ordinary file: docs/a"),
        ([changed("docs/a", mode="160000")], KINDS, "not an ordinary file: docs/a"),
    ],
)
def test_each_path_check_names_what_it_found(files, name, note):
    assert judged(*files) == {name: note}


def test_many_paths_are_counted_not_listed():
    files = [changed(f"src/{n}") for n in range(9)]
    assert judged(*files, size=Size())[SCOPE] == (
        "outside what this category may change: src/0, src/1, src/2 and 6 more"
    )


def test_a_review_is_critical_when_one_finding_is():
    low = Finding(severity="low", path="a", line=1, sentence="x")
    critical = Finding(severity="critical", path="a", line=None, sentence="x")
    assert not Review(findings=(low,)).critical
    assert Review(findings=(low, critical)).critical
