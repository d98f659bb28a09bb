"""What a reviewer hands back is data, whatever it is."""

import json

import pytest

from github_app.core.report import review_body
from github_app.worker.review import MOST, read_review

GOOD = {"severity": "major", "path": "a.py", "line": 3, "sentence": "Wrong."}


def read(document, **more):
    return read_review(document if isinstance(document, str) else json.dumps(document), **more)


def test_findings_and_summary_are_read():
    review = read({"summary": "Fine.", "findings": [GOOD]})
    (finding,) = review.findings
    assert (
        review.summary, review.note, finding.severity, finding.path, finding.line, finding.sentence,
    ) == ("Fine.", "", "major", "a.py", 3, "Wrong.")  # fmt: skip


def test_a_bare_list_and_the_names_other_tools_use_are_understood():
    (finding,) = read([{"severity": "CRITICAL", "file": "b", "line": 1, "message": "Bad."}]).findings
    assert (finding.severity, finding.path, finding.sentence) == ("critical", "b", "Bad.")


NOT_FINDINGS = {
    "not JSON": ("this is fine", "The reviewer's findings were not JSON."),
    "half of it": ('{"findings": [', "The reviewer's findings were not JSON."),
    "a number": (7, "The reviewer's findings did not have the agreed form."),
    "findings that are no list": ({"findings": {"a": 1}}, "The reviewer's findings did not have the agreed form."),
    "deep nesting": ("[" * 100_000, "The reviewer's findings were not JSON."),
    "deep nesting, closed": ("[" * 100_000 + "]" * 100_000, "The reviewer's findings were not JSON."),
    "a number with too many digits": ('{"findings": [' + "9" * 10_000 + "]}", "The reviewer's findings were not JSON."),
    "too much": ("[" + "1," * 600_000 + "1]", "The reviewer wrote too much to be read."),
    "nothing": ("  ", "The reviewer left no findings."),
}


@pytest.mark.parametrize("case", NOT_FINDINGS)
def test_what_is_no_review_leaves_a_note(case):
    given, note = NOT_FINDINGS[case]
    review = read(given)
    assert ((), note, False) == (review.findings, review.note, review.critical)


def test_no_file_and_no_words_leave_a_note_and_words_alone_do_not():
    said = read_review(None, summary="All good.")
    assert read_review(None).note == "The reviewer left no findings."
    assert (said.note, said.summary) == ("", "All good.")


@pytest.mark.parametrize(
    ("line", "expected"),
    [(1, 1), (0, None), (-3, None), (True, None), ("4", None), (2.5, None), (None, None), (10**30, None), ([1], None)],
)
def test_only_a_line_number_is_a_line(line, expected):
    (finding,) = read({"findings": [{**GOOD, "line": line}]}).findings
    assert expected == finding.line


@pytest.mark.parametrize("odd", [None, 1, True, [], {}, ["x"] * 1000, {"a": {"b": 1}}])
def test_wrong_types_are_nothing_and_the_least_severity(odd):
    (finding,) = read({"findings": [{"severity": odd, "path": odd, "line": odd, "sentence": odd}]}).findings
    assert (finding.severity, finding.path, finding.sentence) == ("note", "", "")


def test_entries_that_are_no_findings_are_left_out():
    assert len(read({"findings": [1, None, "x", [GOOD], GOOD]}).findings) == 1


def test_ten_thousand_findings_are_cut_and_the_worst_come_first():
    many = [{**GOOD, "severity": "minor"}] * 10_000 + [{**GOOD, "severity": "critical"}]
    review = read({"findings": many})
    assert (len(review.findings), review.findings[0].severity, review.critical) == (MOST, "critical", True)


def test_texts_are_bounded_and_can_be_stored_and_sent():
    review = read('{"summary": "\\ud800", "findings": [{"path": "\\udfff", "sentence": "' + "x" * 90_000 + '"}]}')
    (finding,) = review.findings
    assert (review.summary, finding.path, len(finding.sentence)) == ("?", "?", 2000)
    assert len(read({"summary": "y" * 90_000, "findings": []}).summary) == 4000


def test_the_largest_review_fits_into_one_comment(report, task):
    many = [{"severity": "critical", "path": "p" * 300, "line": 1, "sentence": "@everyone closes #1 " * 100}] * 10_000
    body = review_body(read({"summary": "z" * 9000, "findings": many[:4000]}), report, task)
    assert len(body) <= 65_536
