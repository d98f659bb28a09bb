"""How this GitHub says no: the status, the JSON body and the headers GitHub answers with.

https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

from collections.abc import Mapping, Sequence
from typing import Any

DOCUMENTATION = "https://docs.github.com/rest"


class RefusedError(Exception):
    """A request that GitHub answers with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Mapping[str, Any] | str] | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        said: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            said["errors"] = list(self.errors)
        return said | self.extra | {"documentation_url": DOCUMENTATION, "status": str(self.status)}


def not_found() -> RefusedError:
    """What is not there, and what the caller may not know to be there."""
    return RefusedError(404, "Not Found")


def forbidden(message: str = "Resource not accessible by integration") -> RefusedError:
    """What the token's permissions do not include."""
    return RefusedError(403, message)


def bad_credentials() -> RefusedError:
    """A token that is unknown, expired or revoked."""
    return RefusedError(401, "Bad credentials")


def invalid(resource: str, field: str, code: str, message: str = "") -> RefusedError:
    """Content that GitHub does not accept."""
    error = {"resource": resource, "field": field, "code": code} | ({"message": message} if message else {})
    return RefusedError(422, "Validation Failed", errors=[error])


def malformed(sentence: str) -> RefusedError:
    """A body whose JSON does not have the documented types."""
    return RefusedError(422, f"Invalid request.\n\n{sentence}")
