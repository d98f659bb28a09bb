"""The documents say what the code says: tables are equal, links lead somewhere, examples are read by the real readers.

`python tests/test_documents.py` writes the tables that come out of the code anew; the others are written by hand.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from github_app import errors
from github_app.cli.app import app
from github_app.core.commands import VERBS
from github_app.core.task import diagram
from github_app.demo.seed import SEEDS
from github_app.github.endpoints import permissions
from github_app.policy.layers import Layer, Source
from github_app.policy.read import read_policy
from github_app.policy.tree import plain, read_tree
from github_app.settings import Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md")
FENCE = re.compile(r"^( *)(`{3,})(\w*)\n(.*?)^\1\2$", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"(?<![/\w])remit((?: +(?:--?)?[\w./'{}-]+)+)")
MACHINE = re.compile(r"(?<![\w.])/(?:work|tmp|root|home|var/tmp|usr/local)\b")
SENT_UNASKED = ("installation", "installation_repositories")


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def block(document: str, name: str) -> str:
    """Return what stands between a document's two comments of that name."""
    found = re.findall(rf"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", text_of(document), re.DOTALL)
    assert len(found) == 1, f"{document} has {len(found)} blocks named {name}"
    return found[0]


def rows(document: str, name: str) -> list[tuple[str, ...]]:
    """Return the cells of a table in a block, without its head."""
    lines = block(document, name).splitlines()[2:]
    return [tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]


def table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    cells = [head, tuple("---" for _ in head), *(tuple(c.replace("|", "\\|") for c in line) for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def settings_table() -> str:
    lines = []
    for name, field in Settings.model_fields.items():
        alias: Any = field.validation_alias
        given = [a for a in (alias.choices if alias else [f"REMIT_{name.upper()}"]) if a.isupper()]
        default = "" if field.default is None else f"`{field.default}`"
        lines.append((" or ".join(f"`{one}`" for one in given), default, field.description or ""))
    return table(("setting", "default", "what it is"), lines)


def labels_table() -> str:
    policy = read_policy(())
    mapped = [(rule.labels, str(rule.category), str(rule.tier)) for rule in policy.rules]
    lines = [(", ".join(f"`{n}`" for n in names), *rest) for names, *rest in (*mapped, (policy.blocked, "", "blocked"))]
    return table(("label", "category", "tier"), lines)


def commands_table() -> str:
    need = {"approve": "approve", "command": "give commands", "ask": "triage, or wrote the issue"}
    lines = [(f"`{verb.usage}`", verb.does, need[verb.need]) for verb in VERBS.values()]
    return table(("command", "what it does", "for people who may"), lines)


def tree_of_commands(group: Any = None, said: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command of the command line with the words that lead to it."""
    root: Any = group or typer.main.get_command(app)
    for name, command in root.commands.items():
        if hasattr(command, "commands"):
            yield from tree_of_commands(command, (*said, name))
        else:
            yield (*said, name), command


def cli_table() -> str:
    lines = [(f"`remit {' '.join(words)}`", command.help.splitlines()[0]) for words, command in tree_of_commands()]
    return table(("command", "what it does"), lines)


GENERATED: dict[tuple[str, str], Callable[[], str]] = {
    ("README.md", "settings"): settings_table,
    ("README.md", "labels"): labels_table,
    ("README.md", "commands"): commands_table,
    ("README.md", "cli"): cli_table,
    ("ARCHITECTURE.md", "diagram"): lambda: f"```mermaid\n{diagram()}\n```",
}


@pytest.mark.parametrize(("document", "name"), GENERATED, ids=[name for _, name in GENERATED])
def test_what_is_printed_from_the_code_is_equal_to_the_code(document, name):
    assert block(document, name) == GENERATED[document, name]()


def test_every_permission_is_explained_and_is_what_the_app_asks_for():
    explained = rows("README.md", "permissions")
    assert {name: level for name, level, _ in explained} == permissions()
    assert {name: level for name, level, _ in explained} == manifest()["default_permissions"]
    assert [name for name, _, why in explained if len(why) < 20] == []


def test_every_event_is_explained_and_is_what_the_app_asks_for():
    explained = rows("README.md", "events")
    assert [name for name, _ in explained] == manifest()["default_events"]
    assert [name for name, why in explained if len(why) < 20] == []
    assert [name for name in SENT_UNASKED if f"`{name}`" not in text_of("README.md")] == []


def manifest() -> dict[str, Any]:
    """Read app.yml, as strictly as a policy."""
    return plain(read_tree("app.yml", text_of("app.yml"), "file"))


def test_every_dependency_has_its_line_of_why():
    project = tomllib.loads(text_of("pyproject.toml"))
    extras = project["project"]["optional-dependencies"].values()
    wanted = [*project["project"]["dependencies"], *(one for extra in extras for one in extra)]
    wanted += project["dependency-groups"]["dev"]
    explained = rows("ARCHITECTURE.md", "dependencies")
    assert sorted(name for name, _ in explained) == sorted({re.split(r"[\[<>=;~! ]", one)[0] for one in wanted})
    assert [name for name, why in explained if len(why) < 20] == []


def test_every_package_has_its_line():
    packages = {f"{path.parent.name}/" for path in (ROOT / "github_app").glob("*/__init__.py")}
    assert {name.strip("`") for name, _, _ in rows("ARCHITECTURE.md", "packages")} == packages


def test_no_package_imports_what_its_line_forbids():
    wrong = []
    for name, _, forbidden in rows("ARCHITECTURE.md", "packages"):
        if forbidden.startswith("Nothing"):
            continue
        barred = set(re.findall(r"`(\w+)`", forbidden)) - {"errors"}
        for path in (ROOT / "github_app" / name.strip("`")).rglob("*.py"):
            used = set(re.findall(r"^\s*(?:from|import) github_app\.(\w+)", path.read_text("utf-8"), re.MULTILINE))
            wrong += [f"{path.name} imports {one}" for one in sorted(used & barred)]
    assert wrong == []


def test_the_seven_stops_stand_in_their_order():
    stops = ["receive", "parse", "record", "gather", "decide", "apply", "perform"]
    assert [stop for stop, _, _ in rows("ARCHITECTURE.md", "stops")] == stops


def test_the_places_named_in_the_stops_are_there():
    places = [place for _, cell, _ in rows("ARCHITECTURE.md", "stops") for place in re.findall(r"`([^`]+)`", cell)]
    assert [place for place in places if not (ROOT / "github_app" / place).exists()] == []


def test_every_file_named_in_a_document_is_there():
    named = {
        (document, name)
        for document in DOCUMENTS
        for name in re.findall(r"`((?:github_app|policies|tests)/[\w./-]*)`", text_of(document))
    }
    assert sorted((d, name) for d, name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_leads_somewhere(document):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text_of(document))):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        there = (ROOT / path).exists() if path else True
        if not there or (anchor and anchor not in anchors(path or document)):
            broken.append(target)
    assert broken == []


def anchors(document: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(document)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def said_on_the_command_line(document: str) -> Iterator[str]:
    """Yield every `remit ...` a document tells people to type."""
    text = text_of(document)
    consoles = "\n".join(body for _, _, language, body in FENCE.findall(text) if language == "console")
    typed = re.sub(r"\\\n\s*", "", consoles)
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", FENCE.sub("", text))]
    for place in [*(line for line in typed.splitlines() if line.startswith("$")), *inline]:
        yield from (found.group(1).strip() for found in SAID.finditer(place))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_line_in_a_document_exists(document):
    known = dict(tree_of_commands())
    wrong = []
    for said in said_on_the_command_line(document):
        words = said.split()
        path = next((tuple(words[:n]) for n in (2, 1) if tuple(words[:n]) in known), None)
        if path is None:
            wrong.append(said)
            continue
        options = {option for parameter in known[path].params for option in parameter.opts}
        wrong += [f"{said}: {word}" for word in words if word.startswith("--") and word not in options]
    assert wrong == []


def test_the_command_lines_are_found_at_all():
    found = list(said_on_the_command_line("README.md"))
    assert [word for word in ("run", "demo", "up", "policy") if not any(said.startswith(word) for said in found)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_document_names_a_path_of_one_machine(document):
    assert MACHINE.findall(text_of(document)) == []


def test_the_policies_shown_in_the_readme_can_be_read():
    shown = [(body, indent) for indent, _, language, body in FENCE.findall(text_of("README.md")) if language == "yaml"]
    assert len(shown) >= 2
    for body, indent in shown:
        layer = Layer.REPOSITORY if "# .github/remit.yml" in body else Layer.SERVER
        text = "\n".join(line.removeprefix(indent) for line in body.splitlines())
        read_policy([Source(path="README.md", text=text, version="shown", layer=layer)])


def test_the_settings_shown_in_the_readme_exist():
    named = set(re.findall(r"\bREMIT_[A-Z_]+", "".join(text_of(document) for document in DOCUMENTS)))
    agents_own = {"REMIT_BRIEF", "REMIT_SUMMARY", "REMIT_REVIEW", "REMIT_PURPOSE"}
    assert named - agents_own - {f"REMIT_{name.upper()}" for name in Settings.model_fields} == set()


def test_the_demo_shown_in_the_readme_has_the_issues_of_the_demo():
    shown = re.findall(r"^ ?#\d+ +(.{30})", block("README.md", "demo"), re.MULTILINE)
    assert [title.strip() for title in shown] == [seed.title[:30].strip() for seed in SEEDS]


def test_the_readme_has_the_section_that_the_errors_of_the_settings_point_to():
    assert "configuration" in anchors("README.md")


def test_the_exit_codes_in_the_readme_are_those_of_the_errors():
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type)}
    shown = re.search(r"Exit codes: (.+?)\.", text_of("README.md").replace("\n", " "))
    assert shown is not None
    assert {int(code) for code in re.findall(r"\b(\d)\b", shown.group(1))} == {0, *codes}


def test_the_changelog_names_this_version():
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    assert f"## [{version}]" in text_of("CHANGELOG.md")


def write() -> None:
    """Put what comes out of the code into the documents."""
    for (document, name), make in GENERATED.items():
        fresh = f"<!-- {name} -->\n{make()}\n<!-- /{name} -->"
        block(document, name)
        pattern = re.compile(rf"<!-- {name} -->\n.*?<!-- /{name} -->", re.DOTALL)
        (ROOT / document).write_text(pattern.sub(lambda _, new=fresh: new, text_of(document)), encoding="utf-8")


if __name__ == "__main__":
    write()
