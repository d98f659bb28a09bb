import re
import subprocess
import sys
from pathlib import Path

import pytest

from github_app.github import queries
from github_app.github.endpoints import ENDPOINTS, Key, Method, permissions

FORBIDDEN = (
    r"/merge\b",
    r"/merges\b",
    r"ready",
    r"/dismissals",
    r"/events\b",
    r"/secrets",
    r"/actions",
    r"/git/refs",
    r"/keys",
    r"/hooks",
    r"/collaborators/\{login\}$",
    r"/protection",
    r"/rulesets",
    r"/transfer",
    r"/environments",
    r"/requested_reviewers",
    r"/lock\b",
)


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_t25_p10_no_endpoint_can_merge_approve_dismiss_or_administer(pattern):
    assert [e.name for e in ENDPOINTS.values() if re.search(pattern, e.template)] == []


def test_only_a_label_and_our_own_token_can_be_deleted_and_nothing_is_put():
    assert {"remove_label", "revoke_token"} == {e.name for e in ENDPOINTS.values() if e.method is Method.DELETE}
    assert {"GET", "POST", "PATCH", "DELETE"} == {m.value for m in Method}


def test_the_app_asks_for_exactly_the_permissions_it_promises():
    expected = {"contents": "write", "issues": "write", "metadata": "read", "pull_requests": "write"}
    assert expected == permissions()


def test_every_graphql_text_is_a_query():
    texts = [text for name, text in vars(queries).items() if name.isupper() and not name.startswith("_")]
    assert len(texts) == 3
    for text in texts:
        assert text.lstrip().startswith("query ")
        assert "mutation" not in text


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("repository", {"owner": "..", "repo": "app"}),
        ("repository", {"owner": "a", "repo": "b/../../app"}),
        ("repository", {"owner": "a", "repo": ""}),
        ("repository", {"owner": "a b", "repo": "c"}),
        ("comment", {"owner": "a", "repo": "b", "comment_id": "1/../2"}),
        ("comment", {"owner": "a", "repo": "b", "comment_id": -1}),
        ("file", {"owner": "a", "repo": "b", "path": "../x"}),
        ("file", {"owner": "a", "repo": "b", "path": "/x"}),
        ("permission", {"owner": "a", "repo": "b", "login": "x\n"}),
    ],
)
def test_a_part_that_would_lead_elsewhere_is_refused(name, parts):
    with pytest.raises(ValueError, match="that can stand in a path"):
        ENDPOINTS[name].path(**parts)


def test_parts_are_quoted():
    path = ENDPOINTS["remove_label"].path(owner="a", repo="b", number=3, label="needs fix?/#")
    assert path == "/repos/a/b/issues/3/labels/needs%20fix%3F%2F%23"


def test_no_other_module_builds_a_path():
    folder = Path(__file__).parents[2] / "github_app" / "github"
    for file in folder.glob("*.py"):
        if file.name not in {"endpoints.py", "wire.py"}:
            assert not re.search(r'"/(repos|app|user|installation)', file.read_text()), file.name


def test_every_call_in_the_table_is_made_somewhere():
    folder = Path(__file__).parents[2] / "github_app" / "github"
    text = "".join(file.read_text() for file in folder.glob("*.py") if file.name != "endpoints.py")
    made = {e.name for e in ENDPOINTS.values() if e.key in {Key.APP, Key.INSTALLATION}}
    assert {name for name in made if f'"{name}"' not in text} == set()


def test_the_client_does_not_load_githubs_typed_models():
    program = (
        "import sys, github_app.github.client, github_app.github.gather;"
        "print([name for name in sys.modules if name.startswith('githubkit_schemas') and 'models' in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_modules_of_the_web_process_do_not_load_githubkit():
    program = (
        "import sys, github_app.github.webhook, github_app.github.markdown, github_app.github.endpoints;"
        "print(sorted({'githubkit', 'httpx', 'pydantic', 'tenacity', 'jwt'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
