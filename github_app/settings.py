"""Where Remit runs and with which secrets: environment variables, or the same names in a file `.env`.

What Remit may do is not said here but in the policy; how agents are asked, in the briefs. Every setting is `REMIT_` and
the field's name in upper case; two also answer to the names that hosting platforms give (`DATABASE_URL`, `PORT`).
"""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from github_app.errors import NotConfiguredError

SHORTEST_SECRET = 16
PLATFORM_NAMES = frozenset({"DATABASE_URL", "PORT"})


class Settings(BaseSettings):
    """All settings; the description of each field is its documentation."""

    model_config = SettingsConfigDict(
        env_prefix="REMIT_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Field(default=Path("data"), description="Database, logs and saved patches; made when missing.")
    work_dir: Path | None = Field(
        default=None, description="Mirrors and worktrees, reachable for the agents' account. Default: DATA_DIR/work."
    )
    database_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("REMIT_DATABASE_URL", "DATABASE_URL", "database_url"),
        description="sqlite:///PATH or postgresql://...; default: SQLite in DATA_DIR/remit.db.",
    )
    github_url: str = Field(default="https://github.com", description="github.com or a GitHub Enterprise Server.")
    app_id: int | None = Field(default=None, description="The GitHub App's id.")
    private_key: SecretStr | None = Field(default=None, description="The App's private key, PEM.")
    private_key_file: Path | None = Field(default=None, description="A file with it, instead.")
    private_key_previous: SecretStr | None = Field(default=None, description="A second live key while keys rotate.")
    webhook_secret: SecretStr | None = Field(default=None, description="At least 16 characters.")
    webhook_secret_previous: SecretStr | None = Field(default=None, description="A second live secret while rotating.")
    policy_file: Path | None = Field(default=None, description="The server's policy, laid over the shipped default.")
    sandbox: str = Field(default="auto", description="auto, bubblewrap, landlock; `none` runs agents unconfined.")
    agent_user: str | None = Field(
        default=None, description="The account agents run as when Remit itself runs as root; default: nobody."
    )
    host: str = Field(default="127.0.0.1", description="Address the web process listens on.")
    port: int = Field(
        default=8000, validation_alias=AliasChoices("REMIT_PORT", "PORT", "port"), description="Its TCP port."
    )
    public_url: str | None = Field(default=None, description="How people reach the pages; links in comments use it.")
    runners: int = Field(default=2, ge=1, le=64, description="Attempts at once in one worker process.")
    lease_seconds: float = Field(default=40, ge=1, le=600, description="How long a silent worker keeps its task.")
    burst_milliseconds: int = Field(
        default=250, ge=0, le=5000, description="How long to collect a burst of labels into one decision."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="debug, info, warning or error."
    )

    @field_validator("private_key", "private_key_previous")
    @classmethod
    def _on_lines(cls, key: SecretStr | None) -> SecretStr | None:
        r"""Give a key its lines back: many platforms keep a variable on one, with `\n` written out."""
        return None if key is None else SecretStr(key.get_secret_value().replace("\\n", "\n").strip() + "\n")

    @field_validator("webhook_secret", "webhook_secret_previous")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"a webhook secret has at least {SHORTEST_SECRET} characters")
        return secret

    @field_validator("github_url")
    @classmethod
    def _plain_url(cls, url: str) -> str:
        parts = urlsplit(url)
        local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise ValueError("GitHub is reached by https (http only on this machine)")
        if not parts.hostname or parts.username or parts.query or parts.fragment or parts.path not in {"", "/"}:
            raise ValueError("only scheme, host and port")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _key_from_file(self) -> Self:
        if self.private_key is None and self.private_key_file is not None:
            try:
                self.private_key = SecretStr(self.private_key_file.read_text())
            except OSError as error:
                raise ValueError(f"REMIT_PRIVATE_KEY_FILE cannot be read: {error.strerror}") from error
        return self

    @property
    def api_url(self) -> str:
        """Return the REST root; https://docs.github.com/en/enterprise-server/rest/quickstart has the server's form."""
        return "https://api.github.com" if self.github_url == "https://github.com" else f"{self.github_url}/api/v3"

    @property
    def database(self) -> str:
        """Return the database's URL."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'remit.db'}"

    @property
    def private_keys(self) -> tuple[str, ...]:
        """Return the live App keys, the current one first."""
        return tuple(k.get_secret_value() for k in (self.private_key, self.private_key_previous) if k is not None)

    @property
    def webhook_secrets(self) -> tuple[bytes, ...]:
        """Return the live webhook secrets, the current one first."""
        live = (self.webhook_secret, self.webhook_secret_previous)
        return tuple(secret.get_secret_value().encode() for secret in live if secret is not None)

    def require(self, *names: str) -> None:
        """Raise NotConfiguredError naming every one of these settings that is missing."""
        missing = [
            "REMIT_PRIVATE_KEY or REMIT_PRIVATE_KEY_FILE" if name == "private_key" else f"REMIT_{name.upper()}"
            for name in names
            if getattr(self, name) is None
        ]
        if missing:
            raise NotConfiguredError(
                f"Not configured: {', '.join(missing)}.",
                hint="set each in the environment or in a file .env (README, section Configuration); "
                "`remit demo` needs none of them",
            )


def read_settings(**given: object) -> Settings:
    """Read the settings. Raises NotConfiguredError naming each setting that is wrong, never its value."""
    try:
        return Settings(**given)  # ty: ignore[invalid-argument-type]
    except ValidationError as error:
        wrong = "; ".join(
            _told(problem["loc"], problem["msg"])
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise NotConfiguredError(f"Wrong setting: {wrong}.", hint="see README, section Configuration") from None


def _told(where: tuple[int | str, ...], problem: str) -> str:
    """Name the setting as it is written in the environment; pydantic tells an alias, a field or nothing."""
    problem = problem.removeprefix("Value error, ").removeprefix("Input should be ")
    if not where:
        return problem
    name = str(where[0]).upper()
    return f"{name if name.startswith('REMIT_') or name in PLATFORM_NAMES else f'REMIT_{name}'}: {problem}"
