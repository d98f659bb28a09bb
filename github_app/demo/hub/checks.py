"""Check runs: what an app says about a commit, and the buttons people press on it.

https://docs.github.com/en/rest/checks/runs
"""

from collections.abc import Mapping
from typing import Any

from github_app.demo.hub import pull_shapes
from github_app.demo.hub.announce import announce, announce_to
from github_app.demo.hub.records import App, CheckRun, Repository
from github_app.demo.hub.refusal import RefusedError, invalid, not_found
from github_app.demo.hub.repositories import writable
from github_app.demo.hub.world import Actor, World

STATUSES = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out")
LEVELS = ("notice", "warning", "failure")
ANNOTATIONS, ACTIONS, TEXT = 50, 3, 65_535
ACTION_LIMITS = {"label": 20, "description": 40, "identifier": 20}


def _too_long(field: str, size: int) -> RefusedError:
    return invalid("CheckRun", field, "custom", f"{field} is too long (maximum is {size} characters)")


def _check(body: Mapping[str, Any]) -> None:
    output = body.get("output")
    if output is not None:
        for name in ("title", "summary"):
            if not isinstance(output.get(name), str) or not output[name].strip():
                raise invalid("CheckRun", f"output.{name}", "missing_field")
        for name in ("summary", "text"):
            if len(output.get(name) or "") > TEXT:
                raise _too_long(f"output.{name}", TEXT)
        notes = output.get("annotations") or []
        if len(notes) > ANNOTATIONS:
            raise invalid(
                "CheckRun", "annotations", "custom", f"annotations exceeds a maximum quantity of {ANNOTATIONS}"
            )
        for one in notes:
            for name in ("path", "start_line", "end_line", "annotation_level", "message"):
                if one.get(name) in (None, ""):
                    raise invalid("CheckRun", f"annotations.{name}", "missing_field")
            if one["annotation_level"] not in LEVELS:
                raise invalid("CheckRun", "annotations.annotation_level", "invalid")
    actions = body.get("actions") or []
    if len(actions) > ACTIONS:
        raise invalid("CheckRun", "actions", "custom", f"actions exceeds a maximum quantity of {ACTIONS}")
    for one in actions:
        for name, size in ACTION_LIMITS.items():
            if not one.get(name):
                raise invalid("CheckRun", f"actions.{name}", "missing_field")
            if len(one[name]) > size:
                raise _too_long(f"actions.{name}", size)
    if body.get("status") not in (None, *STATUSES):
        raise invalid("CheckRun", "status", "invalid")
    if body.get("conclusion") not in (None, *CONCLUSIONS):
        raise invalid("CheckRun", "conclusion", "invalid")
    if body.get("status") == "completed" and body.get("conclusion") is None:
        raise invalid("CheckRun", "conclusion", "missing_field")


def _fill(world: World, one: CheckRun, body: Mapping[str, Any]) -> None:
    one.conclusion = body.get("conclusion", one.conclusion)
    # A conclusion alone completes the run, as GitHub documents it.
    one.status = "completed" if body.get("conclusion") else body.get("status", one.status)
    one.name = body.get("name", one.name)
    one.details_url = body.get("details_url", one.details_url)
    one.external_id = body.get("external_id", one.external_id)
    one.started_at = body.get("started_at", one.started_at) or world.now()
    if one.status == "completed":
        one.completed_at = body.get("completed_at") or one.completed_at or world.now()
    else:
        one.conclusion = one.completed_at = None
    if output := body.get("output"):
        one.title, one.summary, one.text = output["title"], output["summary"], output.get("text")
        one.annotations = [*one.annotations, *(output.get("annotations") or [])]
    if "actions" in body:
        one.actions = list(body["actions"])


def create(world: World, where: Repository, app: App, by: Actor, body: Mapping[str, Any]) -> CheckRun:
    """Make a check run on a commit of this repository."""
    for name in ("name", "head_sha"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise invalid("CheckRun", name, "missing_field")
    _check(body)
    with world.change():
        writable(where)
        if world.bare(where).kind(body["head_sha"]) != "commit":
            raise RefusedError(422, f"No commit found for SHA: {body['head_sha']}")
        made = CheckRun(
            id=world.next_id("check_run"),
            app_id=app.id,
            name=body["name"],
            head_sha=body["head_sha"],
            status="queued",
            conclusion=None,
            started_at=None,
            completed_at=None,
            details_url=None,
            external_id="",
        )
        _fill(world, made, body)
        where.check_runs.append(made)
        announce(world, "check_run", "created", where, by, check_run=pull_shapes.check_run(world, where, made))
        if made.status == "completed":
            announce(world, "check_run", "completed", where, by, check_run=pull_shapes.check_run(world, where, made))
        return made


def find(where: Repository, check_run_id: int) -> CheckRun:
    """Return a check run."""
    for one in where.check_runs:
        if one.id == check_run_id:
            return one
    raise not_found()


def update(world: World, where: Repository, app: App, by: Actor, one: CheckRun, body: Mapping[str, Any]) -> None:
    """Change a check run of this app; annotations are added to those there."""
    if one.app_id != app.id:
        raise RefusedError(403, "Invalid app_id - check run can only be modified by the GitHub App that created it.")
    _check(body)
    with world.change():
        writable(where)
        was = one.status
        _fill(world, one, body)
        if one.status == "completed" != was:
            announce(world, "check_run", "completed", where, by, check_run=pull_shapes.check_run(world, where, one))


def press(world: World, where: Repository, one: CheckRun, identifier: str, by: Actor) -> None:
    """Press one of the run's own buttons: only its app hears of it."""
    if identifier not in [known["identifier"] for known in one.actions]:
        raise not_found()
    with world.change():
        parts = {
            "check_run": pull_shapes.check_run(world, where, one),
            "requested_action": {"identifier": identifier},
        }
        announce_to(world, one.app_id, "check_run", "requested_action", where, by, parts)


def rerequest(world: World, where: Repository, one: CheckRun, by: Actor) -> None:
    """Press "Re-run": only the run's app hears of it."""
    with world.change():
        shape = pull_shapes.check_run(world, where, one)
        announce_to(world, one.app_id, "check_run", "rerequested", where, by, {"check_run": shape})
