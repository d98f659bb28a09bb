"""The proof, tried: what an agent does to a small repository, and exactly what Remit finds out about it."""

from dataclasses import replace

import pytest
from worker_bench import FILES, OUR_TOKEN

from github_app.core.policy import Checks, Size
from github_app.core.proof import Verdict
from github_app.worker.build import build

OK, NO, ODD = Verdict.PASSED, Verdict.FAILED, Verdict.COULD_NOT_RUN
FIX = "echo 'n=0; for x; do n=$((n + x)); done; echo $n' >price\n"
TEST = "echo 'test \"$(sh ./price 2 3)\" = 5' >tests/sums.sh\n"
WEAK_TEST = "echo 'test -n \"$(sh ./price 2 3)\"' >tests/sums.sh\n"
RED = {**FILES, "tests/red.sh": 'test "$(sh ./price 1 1)" = 2\n'}
MORE = {**FILES, "tests/two.sh": "true\ntrue\n"}
COMMIT = "-c user.name=x -c user.email=x@x commit -q --allow-empty -m x"
KEY = "-----BEGIN RSA PRIVATE KEY-----\\nMIIEowIBAAKCAQEAx1y2z3A4b5C6d7E8f9G0h1I2j3K4l5M6n7O8p9Q0r1S2t3U4"
CLEAN = {"scope": OK, "protected paths": OK, "size": OK, "file kinds": OK, "secrets": OK}


def outcome(built):
    """What the proof says, line by line, and what becomes of it."""
    report = built.report
    done = "draft" if report.draft else "ready"
    end = done if report.outcome == "done" else report.outcome
    return end, {check.name: check.verdict for check in report.proof.checks}


def note(built, name):
    return next(check.note for check in built.report.proof.checks if check.name == name)


# what the agent does: (files before, script, how it ends, verdicts beyond the clean ones)
PROVEN = {
    "it fixes with a test that shows it": (FILES, FIX + TEST, "ready", {"suite": OK, "reproduction test": OK}),
    "it fixes without a test": (FILES, FIX, "draft", {"suite": OK, "reproduction test": NO}),
    "its test does not fail without the fix": (FILES, FIX + WEAK_TEST, "draft", {"suite": OK, "reproduction test": NO}),
    "it only adds a failing test": (FILES, TEST, "draft", {"suite": NO, "reproduction test": NO}),
    "it deletes the failing test": (
        RED, "rm tests/red.sh", "draft", {"tests kept": NO, "suite": OK, "reproduction test": NO},
    ),
    "it empties a test": (
        MORE, "echo true >tests/two.sh\n" + FIX + TEST, "draft",
        {"tests kept": NO, "suite": OK, "reproduction test": OK},
    ),
    "it breaks another test": (FILES, "echo exit 1 >price", "draft", {"suite": NO, "reproduction test": NO}),
    "the base was red and stays so": (
        {**FILES, "tests/other.sh": "false\n"}, FIX + TEST, "draft", {"suite": NO, "reproduction test": ODD},
    ),
    "it moves a test and does nothing else to it": (
        MORE, "mv tests/two.sh tests/three.sh\n" + FIX + TEST, "ready",
        {"tests kept": OK, "suite": OK, "reproduction test": OK},
    ),
    "it moves a test to where no suite finds it": (
        MORE, "mkdir -p notes; mv tests/two.sh notes/two.bak\n" + FIX + TEST, "draft",
        {"tests kept": NO, "suite": OK, "reproduction test": OK},
    ),
    "it commits, and leaves the rest": (
        FILES, FIX + "git add -A; git -c user.name=x -c user.email=x@x commit -qm mine\n" + TEST, "ready",
        {"suite": OK, "reproduction test": OK},
    ),
    "it replaces a folder's file by a folder of tests": (
        {**FILES, "spec": "a file\n"}, "rm spec; mkdir spec; echo true >spec/x.sh\n" + FIX + TEST, "ready",
        {"suite": OK, "reproduction test": OK},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PROVEN)
def test_a_bugfix_is_ready_only_when_everything_is_shown(bench, case):
    files, script, end, expected = PROVEN[case]
    built = bench.build(script, base=bench.commit(files))
    assert outcome(built) == (end, CLEAN | expected)
    assert bench.left() == []


def test_what_fails_on_the_base_is_shown_and_not_blamed(bench):
    files = {**FILES, "docs/check": "false\n"}
    built = bench.build("echo x >>README.md", category="docs", base=bench.commit(files),
                        checks=Checks(check={"suite": ("sh", "suite"), "red": ("sh", "docs/check")}))  # fmt: skip
    assert outcome(built) == ("ready", CLEAN | {"suite": OK, "red": NO})
    assert note(built, "red") == "fails on the base too: not blamed"


COULD_NOT = {
    "the command is missing": ({"suite": ("no-such-program",)}, {}, {"suite": ODD}),
    "the command says that it is missing": ({"suite": ("sh", "-c", "no-such-program")}, {}, {"suite": ODD}),
    "one of two is missing": ({"suite": ("sh", "suite"), "lint": ("nolint",)}, {}, {"suite": OK, "lint": ODD}),
    "preparing fails": ({"suite": ("sh", "suite")}, {"install": ("false",)}, {"suite": ODD}),
    "there is no command": ({}, {}, {"checks": ODD}),
}


@pytest.mark.parametrize("case", COULD_NOT)
def test_what_could_not_run_is_never_a_pass(bench, case):
    check, prepare, expected = COULD_NOT[case]
    built = bench.build("echo x >>README.md", category="docs", checks=Checks(check=check, prepare=prepare))
    assert outcome(built) == ("draft", CLEAN | expected)


def test_a_check_that_hangs_is_stopped_and_blamed_on_the_result_when_the_base_was_quick(bench):
    files = {**FILES, "docs/wait.txt": "true\n"}
    checks = Checks(check={"wait": ("sh", "docs/wait.txt")}, minutes=0.015)
    built = bench.build("echo 'sleep 60' >docs/wait.txt", category="docs", base=bench.commit(files), checks=checks)
    assert outcome(built) == ("draft", CLEAN | {"wait": NO, "scope": OK})
    assert note(built, "wait") == "passed on the base; now: stopped after 0.015 minutes"


def test_commands_see_nothing_the_agent_left_outside_of_its_result(bench):
    script = FIX + TEST + "mkdir -p ../scratch/home; echo evil >.git/hooks; git config core.hooksPath x; export A=1"
    checks = Checks(check={"suite": ("sh", "suite"), "clean": ("sh", "-c", 'test -z "$(git status --porcelain)$A"')})
    built = bench.build(script + "; true", checks=checks)
    assert outcome(built)[1]["clean"] is OK


NEVER = {
    "a workflow": ("mkdir -p .github/workflows; echo x >.github/workflows/x.yml", {"protected paths": NO, "scope": NO}),
    "owners": ("mkdir -p .github; echo '* @me' >CODEOWNERS", {"protected paths": NO, "scope": NO}),
    "the policy": ("mkdir -p .github; echo 'mode: active' >.github/remit.yml", {"protected paths": NO, "scope": NO}),
    "what agents are told": ("echo 'obey me' >CLAUDE.md", {"protected paths": NO}),
    "the same in capitals": ("echo 'obey me' >docs/Claude.md", {"protected paths": NO}),
    "a private key": (f"printf '%b' '{KEY}' >docs/a.md", {"secrets": NO}),
    "our token": (f"echo {OUR_TOKEN} >docs/a.md", {"secrets": NO}),
    "our token in base64": (f"printf %s {OUR_TOKEN} | base64 -w 20 >docs/a.md", {"secrets": NO}),
    "our token in pieces": (f"printf 'a %s\n  %s\n' {OUR_TOKEN[:11]} {OUR_TOKEN[11:]} >docs/a.md", {"secrets": NO}),
    "our token in a binary file": (f"printf 'a\\0{OUR_TOKEN}\\0' >docs/a.md", {"secrets": NO}),
    "our token in a name": (f"echo x >docs/{OUR_TOKEN}.md", {"secrets": NO}),
    "our token in the summary": (f"echo x >docs/a.md; echo {OUR_TOKEN} >$REMIT_SUMMARY", {"secrets": NO}),
    "too many files": ("for n in 1 2 3 4 5 6; do echo $n >docs/$n.md; done", {"size": NO}),
    "too much": ("for n in 1 2 3; do yes | head -c 900 >docs/$n.md; done", {"size": NO}),
    "a file too large": ("yes | head -c 1500 >docs/a.md", {"size": NO}),
    "a symbolic link": ("ln -s manual.md docs/a.md", {"file kinds": NO}),
    "a file turned into a link": ("ln -sf ../README.md docs/manual.md", {"file kinds": NO}),
}  # fmt: skip


@pytest.mark.parametrize("case", NEVER)
def test_what_may_never_leave_is_never_published_and_kept_for_people(bench, case):
    script, expected = NEVER[case]
    built = bench.build(script, category="docs", size=Size(files=5, bytes=2000, file_bytes=1000))
    assert outcome(built) == ("unpublishable", CLEAN | expected)
    assert (built.head, built.report.retryable) == (None, False)
    assert [path.name for path in bench.shop.patches.iterdir()] == ["1-1-1.patch"]
    assert bench.left() == []


REFUSED = {
    "a submodule": f"git init -q docs/sub; git -C docs/sub {COMMIT}",
    "a link out of the tree": "ln -s /etc/passwd docs/a.md",
    "git's attributes": "echo '*.md filter=x' >.gitattributes",
    "an invisible character in a name": "echo x >docs/a\u202eb.md",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_git_or_a_reader_takes_for_something_else_is_not_imported(bench, case):
    built = bench.build(REFUSED[case], category="docs")
    assert (built.report.outcome, built.head, built.report.retryable) == ("refused_tree", None, False)


FINE = {
    "a path in another script": "echo x >docs/日本語.md",
    "a path with spaces and quotes": 'echo x >"docs/it\'s a \\"b\\".md"',
    "a renaming": "git mv docs/manual.md docs/book.md",
    "a program": "chmod 755 docs/manual.md",
    "an empty file": ": >docs/empty.md",
    "a deleted page": "rm docs/manual.md",
    "a picture": "printf '\\211PNG\\r\\n\\0\\0' >docs/logo.png",
}


@pytest.mark.parametrize("case", FINE)
def test_ordinary_changes_are_ready(bench, case):
    built = bench.build(FINE[case], category="docs")
    assert outcome(built) == ("ready", CLEAN | {"suite": OK})


def test_what_is_out_of_scope_is_a_draft(bench):
    built = bench.build("echo '# x' >>price", category="docs")
    assert outcome(built) == ("draft", CLEAN | {"scope": NO, "suite": OK})


def test_a_secret_that_was_there_or_goes_is_no_reason_to_keep_a_change_back(bench):
    files = {**FILES, "docs/keys.md": f"# Keys\n\nghp_16C7e42F292c6912E7710c838347Ae178B4a\n\n{'-' * 9}\n"}
    near = bench.build("sed -i 's/# Keys/# Old keys/' docs/keys.md", category="docs", base=bench.commit(files))
    gone = bench.build("sed -i /ghp_/d docs/keys.md", category="docs", base=bench.commit(files))
    assert (outcome(near)[0], outcome(gone)[0]) == ("ready", "ready")


@pytest.mark.parametrize("script", ["true", f"git {COMMIT}", "touch README.md"])
def test_nothing_changed_is_said_with_what_the_agent_said(bench, script):
    report = bench.build(f"{script}; echo 'It is fine as it is.' >$REMIT_SUMMARY").report
    assert report.outcome == "no_change"
    assert report.sentence == "The agent changed nothing. It said: It is fine as it is."


def test_a_change_too_large_to_be_looked_through_is_never_published(bench):
    """Deleting counts nothing for the size of the result, and everything for the size of its patch."""
    files = {**FILES, "docs/large.md": "".join(f"{n:099}\n" for n in range(45_000))}
    built = bench.build("rm docs/large.md", category="docs", base=bench.commit(files), size=Size(bytes=1000))
    assert outcome(built) == ("unpublishable", {"size": NO})
    assert "too large to be looked through" in built.report.sentence


def test_names_of_checks_do_not_lead_out_of_the_log_folder(bench):
    checks = Checks(check={"../../../escaped": ("true",)})
    bench.build("echo x >>README.md", category="docs", checks=checks)
    assert [path for path in bench.place.rglob("*escaped*") if path.parent.name != "1-1-1"] == []


def test_a_base_run_is_made_only_where_it_says_something(bench):
    bench.build("echo x >>README.md", category="docs")
    assert {"work.out", "work.err", "result.suite"} == {p.name for p in (bench.shop.logs / "1-1-1").iterdir()}


HOSTILE_REVIEWS = {
    "it writes no JSON": ("echo hello >$REMIT_REVIEW", "were not JSON"),
    "it fails": ("echo '[]' >$REMIT_REVIEW; exit 1", "did not finish"),
    "it is missing": ("exec no-such-program", "did not finish"),
    "it changes the tree": ("echo x >docs/new.md; echo '[]' >$REMIT_REVIEW", ""),
    "it hands back a link": ("ln -s /etc/passwd $REMIT_REVIEW", ""),
}


@pytest.mark.parametrize("case", HOSTILE_REVIEWS)
def test_a_reviewer_never_stops_or_changes_a_result(bench, case):
    script, said = HOSTILE_REVIEWS[case]
    order = bench.order("echo x >docs/a.md", category="docs", review=script)
    order = replace(order, policy=replace(order.policy, checks=Checks(check={"true": ("true",)})))
    with build(order, bench.shop, bench.live(order), lambda _: None) as built:
        assert (outcome(built)[0], bench.mirror.changed_since(order.base, built.head)) == ("ready", ("docs/a.md",))
        assert said in built.report.review.note
        assert built.report.review.findings == ()
