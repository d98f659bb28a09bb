"""A small GitHub on loopback, for the demo and for every test that needs GitHub's behaviour rather than its shapes.

Strict on purpose: what GitHub refuses is refused here, with GitHub's status, body and headers. Nothing outside `demo/`
and the tests imports it.
"""

from github_app.demo.hub.faults import How
from github_app.demo.hub.hub import Hub, RegisteredApp
from github_app.demo.hub.refusal import RefusedError
from github_app.demo.hub.views import RepositoryState

__all__ = ["How", "Hub", "RefusedError", "RegisteredApp", "RepositoryState"]
