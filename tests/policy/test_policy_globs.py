"""Which paths a pattern means."""

import subprocess
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from github_app.policy.globs import fault, matcher
from github_app.policy.read import default_policy


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("*.md", "README.md", True), ("*.md", "a/b/README.md", True), ("*.md", "x.md/run.sh", False),
        ("*.md", "README.mdx", False), ("docs/**", "docs/a/b.c", True), ("docs/**", "docs", False),
        ("docs/**", "src/docs/a", False), ("docs/", "src/docs/a", True), ("**/tests/**", "tests/a", True),
        ("**/tests/**", "a/tests/b/c", True), ("**/tests/**", "a/tests", False), ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True), ("a/**/b", "a/x/y/bb", False), ("a/*", "a/b", True), ("a/*", "a/b/c", False),
        ("**", "anything/at/all", True), ("**", "x\ny", True), ("test_*.py", "pkg/test_a.py", True),
        ("[ab].c", "b.c", True), ("[!ab].c", "b.c", False), ("?.c", "b.c", True), ("?.c", "/.c", False),
        ("*.md", "README.MD", False), ("CODEOWNERS", "docs/CODEOWNERS", True), ("*.md", "a\n.md", True),
        ("*.md", "a.md\n", False),
    ],
)  # fmt: skip
def test_a_scope_means_exactly_the_paths_it_names(glob, path, matches):
    assert matcher([glob])(path) is matches


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml", ".GitHub/Workflows/ci.yml", ".github", "CODEOWNERS", "docs/codeowners", "CLAUDE.md",
        "sub/dir/Claude.md", ".claude/settings.json", "a/.mcp.json", ".env", ".env.local", "deep/down/.ENV.production",
        "certs/server.pem", "certs/server.PEM", "id_rsa", "id_rsa.pub", ".remit.yml", ".github/remit.yml",
        "AGENTS.md/hidden", ".gitmodules", "a/.gitattributes", "Jenkinsfile.release", ".husky/pre-commit",
        "a\nb/CODEOWNERS", ".npmrc",
        "\u212aEY.key".replace("EY", "ey"),
    ],
)  # fmt: skip
def test_the_default_policy_protects(path):
    assert matcher(default_policy().protected, fold_case=True)(path) is True


@pytest.mark.parametrize(
    "path", ["README.md", "src/app.py", "github/a", "docs/env.md", "src/key.py", "claude.py", "src/remit.py", "uv.lock"]
)
def test_the_default_policy_does_not_protect(path):
    assert matcher(default_policy().protected, fold_case=True)(path) is False


def test_a_decomposed_or_compatible_spelling_of_a_protected_name_is_protected():
    protected = matcher(["caf\u00e9/**", "mark.key"], fold_case=True)
    assert protected("cafe\u0301/x")
    assert protected("mar\u212a.key")


@pytest.mark.parametrize(
    ("category", "path", "may"),
    [
        ("docs", "README.md", True), ("docs", "docs/img/a.png", True), ("docs", "src/a.png", False),
        ("docs", "src/a.py", False), ("docs", "x.md/a.py", False), ("tests", "tests/a.py", True),
        ("tests", "pkg/a_test.go", True), ("tests", "src/__tests__/a.ts", True), ("tests", "src/a.spec.ts", True),
        ("tests", "src/AppTest.java", True), ("tests", "src/a.py", False), ("tests", "conftest.py", True),
        ("research", "docs/research/a.txt", True), ("research", "docs/a.txt", False), ("bugfix", "src/a.py", True),
    ],
)  # fmt: skip
def test_the_default_scope_of_a_category(category, path, may):
    assert matcher(default_policy().scopes[category])(path) is may


NAMES = st.sampled_from(["a", "b", "ab", "a.md", "docs"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
GLOBS = st.lists(
    st.sampled_from(["a", "b", "*", "**", "a*", "*.md", "docs", "?", "[ab]"]), min_size=1, max_size=4
).map("/".join).filter(lambda glob: fault(glob) is None)  # fmt: skip


def test_git_agrees_about_everything_under_a_pattern(tmp_path):
    """Compare with `git check-ignore`: a path matches when it or a directory above it does."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    globs, paths = set(), set()

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(GLOBS, PATHS)
    def collect(glob, path):
        globs.add(glob)
        paths.add(path)

    collect()
    ordered = sorted(paths)
    for glob in sorted(globs)[:25]:
        (tmp_path / ".git" / "info" / "exclude").write_text(glob + "\n")
        answer = subprocess.run(
            ["git", "-C", str(tmp_path), "check-ignore", "--stdin", "-z", "--no-index"],
            input="\0".join(ordered).encode(),
            stdout=subprocess.PIPE,
            check=False,
        ).stdout.decode()
        test = matcher([glob], fold_case=True)
        assert {path for path in ordered if test(path)} == set(answer.split("\0")) - {""}, glob


@pytest.mark.parametrize("glob", ["**/a/**/a/**/a/**/b", "*a*/*a*/*a*/*a*/b", "**/*a*/**/*a*/b", "*a*"])
def test_no_path_makes_matching_slow(glob):
    test = matcher([glob])
    started = process_time()
    for path in ("a" * 4096, "a/" * 2048 + "c", "aa/" * 1300 + "c", "a" * 2000 + "/" + "a" * 2000):
        test(path)
    assert process_time() - started < 2


def test_a_faulty_pattern_is_never_compiled():
    with pytest.raises(ValueError, match="not a pattern"):
        matcher(["!x"])
