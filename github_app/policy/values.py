"""The small types of a policy file: each says what it takes and, in a sentence, why it does not take something else."""

import re
import shlex
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from github_app.core.names import CATEGORY, fold
from github_app.policy.globs import fault

MAX_LABEL = 50  # https://docs.github.com/en/issues/using-labels-and-milestones-to-track-work/managing-labels
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}")
_BOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}\[bot\]")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")
_ADAPTER = re.compile(r"[a-z][a-z0-9_-]{0,29}")
_SHELL = {"&&", "||", "|", ";", "&", ">", ">>", "<", "<<", "2>", "2>&1"}


def refusal(sentence: str, hint: str = "") -> PydanticCustomError:
    """Return the error by which a value is refused: a sentence about the key, and what to try."""
    return PydanticCustomError("refused", "{sentence}", {"sentence": sentence, "hint": hint})


def _label(text: str) -> str:
    hidden = next((character for character in text if unicodedata.category(character) in _HIDDEN), None)
    if hidden is not None:
        raise refusal(f"is not a label name: it has the hidden character U+{ord(hidden):04X}")
    if not text or text != text.strip():
        raise refusal("is not a label name: it is empty or has spaces round it")
    if len(text) > MAX_LABEL:
        raise refusal(f"is not a label name: it has {len(text)} characters, GitHub allows {MAX_LABEL}")
    return text


def _labels(names: list[str]) -> list[str]:
    seen: set[str] = set()
    for name in names:
        if fold(name) in seen:
            raise refusal(f"names the label '{name}' twice")
        seen.add(fold(name))
    return names


def _glob(text: str) -> str:
    wrong = fault(text)
    if wrong:
        raise refusal(f"is not a path pattern: {text!r} {wrong}")
    return text


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise refusal(f"must be {what}, not {text!r}")
        return text

    return AfterValidator(check)


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise refusal(f"cannot be split into words: {str(error).lower()}") from error
    operator = next((word for word in words if word in _SHELL or word.endswith(";")), None)
    if operator is not None:
        raise refusal(f"runs without a shell, so {operator!r} means nothing", "write one program, or a script of yours")
    return words


def _argument(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise refusal("has a control character in an argument")
    return text


def _program(words: list[str]) -> list[str]:
    if words and not words[0].strip():
        raise refusal("names no program")
    return words


Label = Annotated[str, AfterValidator(_label), Field(min_length=1, max_length=MAX_LABEL)]
Labels = Annotated[list[Annotated[str, AfterValidator(_label)]], AfterValidator(_labels), Field(max_length=100)]
Glob = Annotated[str, AfterValidator(_glob)]
Globs = Annotated[list[Glob], Field(max_length=500)]
CategoryName = Annotated[str, _matching(CATEGORY, "1 to 20 letters a-z")]
CheckName = Annotated[str, _matching(_NAME, "a short name of letters, digits, space, dot, - and _")]
AdapterName = Annotated[str, _matching(_ADAPTER, "an adapter's name in lower case")]
Login = Annotated[str, _matching(_LOGIN, "a GitHub login")]
BotLogin = Annotated[str, _matching(_BOT, "an app's login, which ends in [bot]")]
_Words = Annotated[list[Annotated[str, AfterValidator(_argument), Field(max_length=4096)]], Field(max_length=100)]
Command = Annotated[_Words, AfterValidator(_program), BeforeValidator(_split, json_schema_input_type=_Words | str)]
SomeCommand = Annotated[
    Annotated[_Words, Field(min_length=1)],
    AfterValidator(_program),
    BeforeValidator(_split, json_schema_input_type=Annotated[_Words, Field(min_length=1)] | str),
]

TierName = Literal["auto_safe", "proposed", "operator", "blocked"]
ModeName = Literal["observe", "propose", "active"]
ShippedName = Literal["default", "strict", "docs-only"]
WallName = Literal["none", "landlock", "container", "bubblewrap"]
FreedomName = Literal["none", "tighten", "any"]
Writer = Literal["write", "maintain", "admin"]
Proposer = Literal["triage", "write", "maintain", "admin"]
