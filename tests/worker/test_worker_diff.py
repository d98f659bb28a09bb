"""What a patch says about its new side, judged by patches that git itself wrote."""

import os
import subprocess

import pytest

from github_app.git.mirror import PATCH
from github_app.worker.diff import added_text, lines_for_remarks, lines_of_new_side

TEN = "".join(f"line {n}\n" for n in range(1, 11))
ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "x",
    "GIT_AUTHOR_EMAIL": "x@example.org",
    "GIT_COMMITTER_NAME": "x",
    "GIT_COMMITTER_EMAIL": "x@example.org",
}


@pytest.fixture
def patch_of(tmp_path):
    """Return what makes a patch, with our options, from two states of a folder; None is no file."""

    def git(*args):
        done = subprocess.run(["git", *args], cwd=tmp_path, env=ENV, capture_output=True, check=True)
        return done.stdout

    def commit(files):
        for path, text in files.items():
            where = tmp_path / path
            where.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                where.unlink()
            else:
                where.write_bytes(text if isinstance(text, bytes) else text.encode())
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", "x")
        return git("rev-parse", "HEAD").decode().strip()

    def make(before, after):
        git("init", "-q")
        return git(*PATCH, commit(before), commit(after))

    return make


CASES = {
    "a new file shows every line": ({}, {"a": "1\n2\n"}, {"a": {1, 2}}),
    "a changed line shows three around it": ({"a": TEN}, {"a": TEN.replace("line 5", "five")}, {"a": set(range(2, 9))}),
    "a deleted line shows what is around it": ({"a": TEN}, {"a": TEN.replace("line 1\n", "")}, {"a": {1, 2, 3}}),
    "two hunks are two ranges": (
        {"a": TEN + TEN},
        {"a": TEN.replace("line 1\n", "one\n") + TEN.replace("line 10", "ten")},
        {"a": {1, 2, 3, 4, 17, 18, 19, 20}},
    ),
    "a deleted file has no new side": ({"a": TEN}, {"a": None}, {}),
    "no newline at the end": ({"a": "1\n2"}, {"a": "1\n3"}, {"a": {1, 2}}),
    "a newline at the end is added": ({"a": "1\n2"}, {"a": "1\n2\n"}, {"a": {1, 2}}),
    "an empty file has no lines": ({}, {"a": ""}, {}),
    "a binary file has no lines": ({}, {"a": b"\0\1\2"}, {}),
    "a path with spaces": ({}, {"a b/c d.md": "1\n"}, {"a b/c d.md": {1}}),
    "a path with quotes": ({}, {'say "hi".md': "1\n"}, {'say "hi".md': {1}}),
    "a path with a backslash": ({}, {"a\\b.md": "1\n"}, {"a\\b.md": {1}}),
    "a path with a tab": ({}, {"a\tb.md": "1\n"}, {"a\tb.md": {1}}),
    "a path in another script": ({}, {"привет/日本.md": "1\n"}, {"привет/日本.md": {1}}),
    "lines that look like headers": (
        {"a": "x\n-- b/z\n"},
        {"a": "x\n++ b/evil\n@@ -1 +1,9 @@\ndiff --git a/q b/q\n"},
        {"a": {1, 2, 3, 4}},
    ),
    "a file whose last line goes": ({"a": "1\n2\n3\n"}, {"a": "1\n2\n"}, {"a": {1, 2}}),
    "carriage returns are part of a line": ({"a": "1\r\n2\r\n"}, {"a": "1\r\n3\r\n"}, {"a": {1, 2}}),
    "a mode alone has no lines": ({"a": "1\n"}, {"b": "2\n"}, {"b": {1}}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_lines_of_the_new_side_are_those_git_shows(patch_of, name):
    before, after, expected = CASES[name]
    found = lines_of_new_side(patch_of(before, after))
    assert expected == {path: set(lines) for path, lines in found.items()}


def test_what_is_added_is_the_added_lines_and_nothing_that_was_there_or_went(patch_of):
    text = added_text(patch_of({"a": TEN, "b": "going\n"}, {"a": TEN.replace("line 5", "++ five"), "b": None}))
    assert text == b"a\n++ five"


def test_a_new_file_beside_a_deleted_one_may_be_shown_as_a_renaming_and_gets_no_remark(patch_of):
    patch = patch_of({"old": TEN, "kept": TEN}, {"old": None, "new": TEN + "more\n", "kept": "first\n" + TEN})
    assert {"new", "kept"} == set(lines_of_new_side(patch))
    assert {"kept"} == set(lines_for_remarks(patch))


def test_new_files_alone_get_remarks(patch_of):
    assert {"new"} == set(lines_for_remarks(patch_of({"kept": TEN}, {"new": "deleted file mode 100644\n"})))


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\n@@ nonsense", b"+++ b/x\n@@ -1,5 +9,0 @@\n-x", b"@@ -0,0 +1 @@\n"])
def test_what_is_no_whole_patch_has_no_lines(text):
    assert lines_of_new_side(text) == {}
