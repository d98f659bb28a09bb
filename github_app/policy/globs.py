"""Path patterns of a policy: git's wildmatch (https://git-scm.com/docs/gitignore#_pattern_format).

pathspec translates what stands between two slashes; the slashes and `**` are walked here, because patterns meet paths
that an agent chose and one regular expression for the whole path backtracks for minutes on `a/a/a/...`. There is no
negation, and a path is seen whole, line breaks included. A path is relative, with `/`, as git prints it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from github_app.core.names import fold

MAX_LENGTH = 200
MAX_IN_SEGMENT = 2

_ANY = re.compile(r".+", re.DOTALL)


def fault(glob: str) -> str | None:
    """Return what is wrong with a pattern, as a sentence about the pattern; None when nothing is."""
    segments = glob.split("/")
    checks = (
        (not glob or glob != glob.strip(), "is empty or has spaces round it"),
        (len(glob) > MAX_LENGTH, f"has more than {MAX_LENGTH} characters"),
        (any(unicodedata.category(character).startswith("C") for character in glob), "has hidden characters"),
        ("\\" in glob, "has a backslash: paths are written with /"),
        (glob.startswith("/"), "is absolute: every pattern starts inside the repository"),
        (glob.startswith("!"), "is a negation, which a policy does not have"),
        (glob.startswith("#"), "starts with #, which git reads as a comment"),
        (bool({".", ".."} & set(segments)), "has a segment . or .."),
        ("//" in glob, "has an empty segment"),
        (any("**" in segment and segment != "**" for segment in segments), "has ** beside something else in a segment"),
        (
            any(segment != "**" and segment.count("*") > MAX_IN_SEGMENT for segment in segments),
            f"has more than {MAX_IN_SEGMENT} stars between two slashes",
        ),
    )
    for wrong, said in checks:
        if wrong:
            return said
    bad = next((segment for segment in segments if segment not in {"", "**"} and not _segment(segment)), None)
    return None if bad is None else "is not a pattern git understands"


def matcher(globs: Iterable[str], *, fold_case: bool = False) -> Callable[[str], bool]:
    """Return a test for paths that says whether any pattern matches.

    As it is, for what may be changed, a pattern means exactly the files it names, and everything inside only as `dir/`
    or `dir/**`: `*.md` does not match `x.md/run.sh`. With `fold_case`, for what is protected, ASCII letters
    are compared without case and after Unicode NFC, as case-folding file systems would, and everything under a matching
    name matches too, as in git's ignore rules. Raises ValueError for a pattern that has a `fault`.
    """
    walks = [_walk(_comparable(glob) if fold_case else glob, below=fold_case) for glob in globs]

    def matches(path: str) -> bool:
        segments = (_comparable(path) if fold_case else path).split("/")
        return any(walk.matches(segments) for walk in walks)

    return matches


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """A pattern as its segments; None stands for `**` between others. `below`: whatever follows the end matches too."""

    parts: tuple[re.Pattern[str] | None, ...]
    below: bool

    def matches(self, segments: list[str]) -> bool:
        end = len(self.parts)
        states = self._reach({0})
        for segment in segments:
            if self.below and end in states:
                return True
            states = self._reach({after for state in states if state < end for after in self._after(state, segment)})
        return end in states

    def _after(self, state: int, segment: str) -> tuple[int, ...]:
        part = self.parts[state]
        if part is None:
            return (state,)
        return (state + 1,) if part.fullmatch(segment) else ()

    def _reach(self, states: set[int]) -> set[int]:
        for state in sorted(states):
            following = state
            while following < len(self.parts) and self.parts[following] is None:
                following += 1
                states.add(following)
        return states


def _comparable(text: str) -> str:
    return fold(unicodedata.normalize("NFC", text))


def _segment(segment: str) -> re.Pattern[str] | None:
    try:
        # The slash in front keeps pathspec from adding "in any directory".
        regex = GitIgnoreSpecPattern("/" + segment).regex
    except GitIgnorePatternError:
        return None
    return None if regex is None else re.compile(regex.pattern, re.DOTALL)


def _walk(glob: str, *, below: bool) -> _Walk:
    if fault(glob):
        raise ValueError(f"not a pattern: {glob!r}")
    segments = glob.split("/")
    inside = segments[-1] in {"", "**"}  # `dir/` and `dir/**`: what is in it, at any depth
    names = segments[:-1] if inside else segments
    anywhere = len(names) == 1 and segments[-1] != "**"
    parts = [None if name == "**" else _segment(name) for name in names]
    return _Walk(
        parts=(*((None,) if anywhere else ()), *parts, *((_ANY,) if inside else ())),
        below=below or inside,
    )
