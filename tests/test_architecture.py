"""The layout law: who may import whom, which library lives where, and what a file is."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median
from sys import stdlib_module_names

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "github_app"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "_data" not in path.parts)
LONGEST = 450

# What a package may import of ours, beyond itself. The ones that combine (demo, cli, the files at the top) are free.
ALLOWED = {
    "core": {"errors"},
    **{name: {"core", "errors", "shipped"} for name in ("github", "store", "git", "sandbox", "agents", "policy")},
}
APART = [("web", "worker"), ("worker", "web")]

# Which library lives where; a place is a package or a file of ours, by its path.
LIVES = {
    "githubkit": ("github/",),
    "sqlmodel": ("store/",),
    "sqlalchemy": ("store/",),
    "alembic": ("store/",),
    "starlette": ("web/", "demo/", "wiring.py"),  # the composition root names what it composes
    "sse_starlette": ("web/", "demo/"),
    "sandlock": ("sandbox/",),
    "ruamel": ("policy/",),
    "markdown_it": ("github/",),
}
SUBPROCESS = re.compile(r"git/command\.py|sandbox/[a-z]+\.py")
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "service", "handler", "base", "lib"}


def where(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def area(path: Path) -> str:
    """Return the package a file belongs to, or its own name when it stands at the top."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every module a file imports, wherever in the file, with its line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{where(path)}:{node.lineno}: a relative import"
            module = node.module or ""
            yield module, node.lineno
            if module == "github_app":
                for alias in node.names:
                    yield f"github_app.{alias.name}", node.lineno


def ours(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the areas of this package that a file imports."""
    for module, line in imports(path):
        head, _, rest = module.partition(".")
        if head == "github_app" and rest:
            yield rest.partition(".")[0], line


def test_there_is_something_to_look_at():
    assert len([path for path in FILES if area(path) == "core"]) > 15


def test_each_package_imports_only_what_it_may():
    wrong = [
        f"{where(path)}:{line} imports {target}"
        for path in FILES
        if area(path) in ALLOWED
        for target, line in ours(path)
        if target != area(path) and target not in ALLOWED[area(path)]
    ]
    assert wrong == []


def test_core_imports_the_standard_library_and_nothing_installed():
    wrong = [
        f"{where(path)}:{line} imports {module}"
        for path in FILES
        if area(path) in {"core", "errors", "shipped"}
        for module, line in imports(path)
        if module.partition(".")[0] not in {*stdlib_module_names, "github_app"}
    ]
    assert wrong == []


def test_core_has_no_clock_no_chance_no_network_and_no_log():
    words = "time random secrets socket urllib.request http logging os subprocess threading asyncio"
    impure = set(words.split())
    wrong = [
        f"{where(path)}:{line} imports {module}"
        for path in FILES
        if area(path) == "core"
        for module, line in imports(path)
        if module in impure or module.partition(".")[0] in impure
    ]
    assert wrong == []


@pytest.mark.parametrize(("one", "other"), APART)
def test_the_web_and_the_worker_do_not_see_each_other(one, other):
    assert [f"{where(p)}:{line}" for p in FILES if area(p) == one for target, line in ours(p) if target == other] == []


def test_nothing_that_ships_imports_the_tests():
    assert [where(p) for p in FILES for module, _ in imports(p) if module.partition(".")[0] == "tests"] == []


@pytest.mark.parametrize("library", LIVES)
def test_a_library_lives_in_its_own_package(library):
    wrong = [
        f"{where(path)}:{line}"
        for path in FILES
        for module, line in imports(path)
        if module.partition(".")[0] == library and not where(path).startswith(LIVES[library])
    ]
    assert wrong == []


def test_processes_are_started_in_two_files_only():
    users = sorted(
        {
            where(path)
            for path in FILES
            for module, _ in imports(path)
            if module == "subprocess" and area(path) != "demo"
        }
    )
    assert [user for user in users if not SUBPROCESS.fullmatch(user)] == []
    assert len(users) <= 2


def test_only_the_web_side_is_async():
    wrong = [
        f"{where(path)}:{node.lineno}"
        for path in FILES
        if area(path) not in {"web", "demo", "cli", "wiring", "serving"}
        for node in ast.walk(tree(path))
        if isinstance(node, ast.AsyncFunctionDef | ast.AsyncWith | ast.AsyncFor)
    ]
    assert wrong == []


def test_every_module_and_package_says_what_it_is_for():
    silent = [where(path) for path in FILES if not (ast.get_docstring(tree(path)) or "").strip()]
    assert silent == []
    packages = {path.parent for path in FILES}
    assert (
        sorted(where(p) for p in packages if p != PACKAGE and not (p / "__init__.py").exists() and not _scripts(p))
        == []
    )


def _scripts(folder: Path) -> bool:
    """Alembic loads its folder by path: it is no package."""
    return "migrations" in folder.relative_to(PACKAGE).parts


def test_a_file_is_named_after_a_thing():
    names = {word for path in FILES for word in path.stem.split("_")} | {p.parent.name for p in FILES}
    assert sorted(names & NAMELESS) == []


def test_files_stay_short(capsys):
    lengths = {where(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    with capsys.disabled():
        print(f"\n{len(lengths)} files, median {median(lengths.values()):.0f} lines")  # noqa: T201
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_no_file_mentions_unfinished_work_or_swallows_an_exception():
    wrong = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        wrong += [f"{where(path)}: {word}" for word in ("TODO", "FIXME", "XXX", "NotImplementedError") if word in text]
        wrong += [
            f"{where(path)}:{node.lineno}: swallowed"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.ExceptHandler)
            and len(node.body) == 1
            and isinstance(node.body[0], ast.Pass)
            and (
                node.type is None
                or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
            )
        ]
    assert wrong == []
