"""How GitHub is asked: with which token, how often, and what an agent gets to see of it."""

from collections import Counter

from github_app.store import view

TELLS = """
if purpose == "review":
    review([], brief)
Path("docs/environment.md").write_text(json.dumps(dict(os.environ)))
Path("docs/brief.md").write_text(brief)
seen = {}
for path in Path("/proc").glob("[0-9]*/*"):
    if path.name in {"environ", "cmdline"}:
        try:
            seen[str(path)] = path.read_bytes().decode(errors="replace")
        except OSError:
            pass
Path("docs/seen.md").write_text(json.dumps(seen))
leave("Wrote down what I can see.")
"""


def warm(world):
    """Ask who we are once, as a worker does once in its life, and return how many calls that took."""
    world.open("Something else to warm up with", labels=("documentation", "remit"))
    world.run()
    return len(world.hub.calls)


def test_a_task_costs_at_most_twelve_reads_and_four_pieces_of_content(world):
    before = warm(world)
    number = world.open(labels=("documentation", "remit"))
    world.decide()
    world.run()

    calls = world.hub.calls[before:]
    assert len(world.pulls) == 2
    reads = [c for c in calls if c.door == "graphql" or (c.door == "rest" and c.method == "GET")]
    content = [c for c in calls if c.door == "rest" and c.method in {"POST", "PATCH"} and is_content(c.path)]
    assert len(reads) <= 12, Counter(f"{c.method} {c.path}" for c in reads)
    assert len(content) <= 4, [f"{c.method} {c.path}" for c in content]
    assert [r.content for r in world.issue(number).reactions] == ["eyes"]


def is_content(path):
    return path.rpartition("/")[2] in {"comments", "pulls", "reviews"} or "/issues/comments/" in path


def test_what_nobody_asked_about_costs_at_most_three_reads_and_no_word(world):
    before = warm(world)
    for label in ("p1", "documentation", "help wanted"):
        number = world.open(f"Not for Remit: {label}", labels=(label,))
        world.run()
        calls = [call for call in world.hub.calls[before:] if "access_tokens" not in call.path]
        before = len(world.hub.calls)
        assert len(calls) <= 3
        assert world.said(number) == []


def test_every_call_uses_a_token_of_exactly_its_repository_and_none_decides_for_a_person(world):
    other = world.hub.create_repository("acme", "gadgets", {"README.md": "# gadgets\n"})
    number = world.open("The total is wrong", labels=("bug", "remit"))
    world.run()
    world.comment(number, "/approve", by="reviewer")
    world.run()
    world.mark_ready(world.pulls[0].number, by="maintainer")
    world.merge(world.pulls[0].number, "maintainer")
    world.run()

    mine = [call for call in world.hub.calls if call.installation_id == world.installation and call.repository_ids]
    about = [call for call in world.hub.calls if "/acme/" in call.path or call.door in {"git", "graphql"}]
    assert {(world.hub.repository(world.place).id,)} == {call.repository_ids for call in about}
    assert other.id not in {found for call in mine for found in call.repository_ids}
    pushes = [call for call in about if call.path.endswith("git-receive-pack")]
    assert [call.permissions for call in pushes] == [{"contents": "write", "metadata": "read"}]
    assert {"read"} == {
        level for c in about if c.door == "rest" for name, level in c.permissions.items() if name == "contents"
    }
    for call in world.hub.calls:
        assert not any(
            word in call.path for word in ("/merge", "dismissals", "ready_for_review", "/requested_reviewers")
        )
        assert call.door != "graphql" or "mutation" not in call.body["query"]
        assert not (call.path.endswith("/reviews") and call.body.get("event") != "COMMENT")


def test_an_agent_sees_no_token_no_key_and_no_environment_of_ours(world, monkeypatch):
    monkeypatch.setenv("REMIT_PRIVATE_KEY", "a-key-in-our-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-key-in-our-environment")
    world.program(TELLS)
    world.open(labels=("documentation", "remit"))
    world.run()

    (pull,) = world.pulls
    hub = world.hub.repository(world.place)
    told = "".join(hub.file(f"docs/{name}.md", pull.pull.head).decode() for name in ("environment", "brief", "seen"))
    told += pull.body + pull.pull.reviews[0].body
    secrets = [text for text in world.shop.secrets() if len(text) > 8]
    assert len(secrets) > 3
    assert [secret[:12] for secret in secrets if secret in told] == []
    for word in ("in-our-environment", "x-access-token", "ghs_", "BEGIN RSA", "GIT_CONFIG_VALUE"):
        assert word not in told
    assert "REMIT_BRIEF" in told


def test_nothing_secret_is_kept_in_the_database_or_the_logs_of_runs(world):
    world.open(labels=("documentation", "remit"))
    world.run()

    kept = [p for p in world.settings.data_dir.rglob("*") if p.is_file() and p.stat().st_size < 20_000_000]
    texts = {path: path.read_bytes() for path in kept}
    for secret in world.shop.secrets():
        assert [str(path) for path, text in texts.items() if secret.encode() in text] == []


def test_a_whole_life_is_written_down_with_who_and_why(world):
    number = world.open("The total is wrong", labels=("bug", "remit"))
    world.run()
    world.comment(number, "/approve", by="reviewer")
    world.run()
    world.mark_ready(world.pulls[0].number, by="maintainer")
    world.merge(world.pulls[0].number, "maintainer")
    world.run()

    lines = view.history(world.db, world.task(number).id)
    moves = [(line.to_state, line.actor) for line in lines if line.move in {"approve", "claim", "submit", "complete"}]
    assert moves == [("queued", "reviewer"), ("running", "remit"), ("in_review", "remit"), ("completed", "maintainer")]
    assert all(line.policy_version for line in lines)
    assert all(line.delivery_id for line in lines if line.actor != "remit")
