"""What people do in the browser and at their desks: each act is checked against their role and tells the apps of it.

A repository is given as OWNER/NAME (its present name) or as the `RepositoryState` that `create_repository` returned; a
person by login. What a person may not do raises `RefusedError`, as the browser would refuse it.
"""

from collections.abc import Iterable, Mapping

from github_app.demo.hub import accounts, checks, issues, pull_shapes, pulls, repositories
from github_app.demo.hub.bare import ZERO
from github_app.demo.hub.records import Issue, Protection, Repository
from github_app.demo.hub.refusal import RefusedError, invalid, not_found
from github_app.demo.hub.rejections import REJECTIONS
from github_app.demo.hub.views import RepositoryState
from github_app.demo.hub.world import Actor, World

Where = str | RepositoryState
EVENTS = {"approved": "APPROVE", "changes_requested": "REQUEST_CHANGES", "commented": "COMMENT"}


class People:
    """The people's side of the hub."""

    world: World

    def _who(self, login: str) -> Actor:
        found = self.world.account(login)
        if found is None:
            raise RefusedError(404, f"{login} is not a user")
        return Actor(account=found)

    def _at(self, where: Where) -> Repository:
        found = self.world.repository(where) if isinstance(where, str) else self.world.state.repositories.get(where.id)
        if found is None:
            raise not_found()
        return found

    def _about(
        self, where: Where, number: int, by: str, role: str, *, own: bool = False
    ) -> tuple[Repository, Issue, Actor]:
        """Return the place, the issue and the person, who needs a role unless `own` and they are the author."""
        there, actor = self._at(where), self._who(by)
        about = self.world.issue(there, number)
        accounts.require(self.world, there, actor.id, "read" if own and about.author_id == actor.id else role)
        return there, about, actor

    # Issues

    def open_issue(
        self, where: Where, title: str, body: str, by: str, *, labels: Iterable[str] = (), form: bool = False
    ) -> int:
        """Open an issue and return its number.

        Labels of somebody without triage are dropped silently, unless they come from an issue form (`form`), which
        labels on the author's behalf.
        """
        with self.world.change():
            there, actor = self._at(where), self._who(by)
            accounts.require(self.world, there, actor.id, "read")
            kept = tuple(labels) if form or accounts.at_least(self.world, there, actor.id, "triage") else ()
            return issues.open_issue(self.world, there, actor, title, body, labels=kept).number

    def label(self, where: Where, number: int, name: str, by: str) -> None:
        """Put a label on; one the repository does not have yet is made."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "triage")
            issues.add_labels(self.world, there, about, [name], actor)

    def unlabel(self, where: Where, number: int, name: str, by: str) -> None:
        """Take a label off."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "triage")
            issues.remove_label(self.world, there, about, name, actor)

    def edit_issue(
        self, where: Where, number: int, *, by: str, title: str | None = None, body: str | None = None
    ) -> None:
        """Change title or body of an issue or pull request."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "write", own=True)
            issues.edit(self.world, there, about, actor, title=title, body=body)

    def close(self, where: Where, number: int, by: str, *, reason: str | None = None) -> None:
        """Close an issue or pull request."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "triage", own=True)
            issues.close(self.world, there, about, actor, reason=reason)

    def reopen(self, where: Where, number: int, by: str) -> None:
        """Open an issue or pull request again."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "triage", own=True)
            issues.reopen(self.world, there, about, actor)

    def lock(self, where: Where, number: int, by: str, *, on: bool = True) -> None:
        """Lock (or unlock) the conversation."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "write")
            issues.lock(self.world, there, about, actor, on=on)

    def unlock(self, where: Where, number: int, by: str) -> None:
        """Unlock the conversation."""
        self.lock(where, number, by, on=False)

    def assign(self, where: Where, number: int, login: str, by: str, *, on: bool = True) -> None:
        """Assign somebody who can read the repository."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "triage")
            who = self._who(login)
            accounts.require(self.world, there, who.id, "read")
            issues.assign(self.world, there, about, [who.id], actor, on=on)

    def unassign(self, where: Where, number: int, login: str, by: str) -> None:
        """Unassign somebody."""
        self.assign(where, number, login, by, on=False)

    def delete_issue(self, where: Where, number: int, by: str) -> None:
        """Delete an issue for good."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "admin")
            issues.delete(self.world, there, about, actor)

    def transfer(self, where: Where, number: int, to: Where, by: str) -> int:
        """Move an issue to another repository of the owner and return its number there."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "write")
            return issues.transfer(self.world, there, about, self._at(to), actor).number

    def react(self, where: Where, number: int, content: str, by: str) -> None:
        """React to an issue or pull request."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "read")
            issues.react(self.world, there, about, content, actor)

    # Words

    def comment(self, where: Where, number: int, body: str, by: str) -> int:
        """Comment on an issue or pull request and return the comment's id."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "read")
            if about.locked and not accounts.at_least(self.world, there, actor.id, "write"):
                raise RefusedError(403, "Unable to create comment because issue is locked.")
            return issues.comment(self.world, there, about, body, actor).id

    def edit_comment(self, where: Where, comment_id: int, body: str, by: str) -> None:
        """Change a comment; writers can change anybody's."""
        with self.world.change():
            there, actor = self._at(where), self._who(by)
            about, one = issues.find_comment(there, comment_id)
            accounts.require(self.world, there, actor.id, "read" if one.author_id == actor.id else "write")
            issues.edit_comment(self.world, there, about, one, body, actor)

    def delete_comment(self, where: Where, comment_id: int, by: str) -> None:
        """Remove a comment."""
        with self.world.change():
            there, actor = self._at(where), self._who(by)
            about, one = issues.find_comment(there, comment_id)
            accounts.require(self.world, there, actor.id, "read" if one.author_id == actor.id else "write")
            issues.delete_comment(self.world, there, about, one, actor)

    def review(self, where: Where, number: int, body: str, state: str, by: str) -> int:
        """Review a pull request (`approved`, `changes_requested`, `commented`) and return the review's id."""
        if state not in EVENTS:
            raise invalid("PullRequestReview", "event", "invalid")
        with self.world.change():
            there, about, actor = self._about(where, number, by, "read")
            return pulls.review(self.world, there, self._pull(about), actor, event=EVENTS[state], body=body).id

    def review_comment(
        self,
        where: Where,
        number: int,
        body: str,
        by: str,
        *,
        path: str = "",
        line: int = 0,
        reply_to: int | None = None,
    ) -> int:
        """Comment on a line of the diff, or answer such a comment, and return the comment's id."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "read")
            place = pulls.Inline(path=path, line=line, body=body)
            return pulls.comment_on_line(self.world, there, self._pull(about), actor, place, reply_to).id

    # Pull requests

    @staticmethod
    def _pull(about: Issue) -> Issue:
        if about.pull is None:
            raise not_found()
        return about

    def open_pull(
        self, where: Where, title: str, body: str, *, head: str, by: str, base: str | None = None, draft: bool = False
    ) -> int:
        """Open a pull request and return its number."""
        with self.world.change():
            there, actor = self._at(where), self._who(by)
            accounts.require(self.world, there, actor.id, "read")
            target = base or there.default_branch
            made = pulls.open_pull(
                self.world, there, actor, title=title, head=head, base=target, body=body, draft=draft
            )
            return made.number

    def merge(self, where: Where, number: int, by: str, *, method: str = "merge") -> str:
        """Merge a pull request and return the new commit."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "write")
            return pulls.merge(self.world, there, self._pull(about), actor, method=method)

    def close_pull(self, where: Where, number: int, by: str) -> None:
        """Close a pull request without merging."""
        self.close(where, number, by)

    def reopen_pull(self, where: Where, number: int, by: str) -> None:
        """Open a pull request again."""
        self.reopen(where, number, by)

    def mark_ready(self, where: Where, number: int, by: str, *, draft: bool = False) -> None:
        """Mark a draft ready, or (`draft`) make one."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "write", own=True)
            pulls.set_draft(self.world, there, self._pull(about), actor, draft=draft)

    def dismiss_review(self, where: Where, number: int, review_id: int, by: str) -> None:
        """Dismiss a review."""
        with self.world.change():
            there, about, actor = self._about(where, number, by, "write")
            pulls.dismiss(self.world, there, self._pull(about), review_id, actor)

    def press(self, where: Where, check_run_id: int, identifier: str, by: str) -> None:
        """Press one of a check run's own buttons."""
        with self.world.change():
            there, actor = self._at(where), self._who(by)
            accounts.require(self.world, there, actor.id, "write")
            checks.press(self.world, there, checks.find(there, check_run_id), identifier, actor)

    def rerequest(self, where: Where, check_run_id: int, by: str) -> None:
        """Press a check run's "Re-run"."""
        with self.world.change():
            there, actor = self._at(where), self._who(by)
            accounts.require(self.world, there, actor.id, "write")
            checks.rerequest(self.world, there, checks.find(there, check_run_id), actor)

    # Code

    def push(self, where: Where, branch: str, files: Mapping[str, str | bytes | None], message: str, by: str) -> str:
        """Commit files (None deletes) on a branch, made from the default branch if new; return the commit."""
        with self.world.change():
            there, actor = self._at(where), self._who(by)
            accounts.require(self.world, there, actor.id, "write")
            repositories.writable(there)
            bare = self.world.bare(there)
            before = bare.branch(branch)
            parent = before or bare.branch(there.default_branch)
            who, at = repositories.identity(actor), self.world.clock()
            after = bare.write(branch, files, message, who=who, at=at, parent=parent)
            pulls.branch_moved(self.world, there, f"refs/heads/{branch}", before or ZERO, after, actor)
            return after

    def reset_branch(self, where: Where, branch: str, to: str, by: str) -> None:
        """Force a branch to a commit."""
        self._force(where, branch, to, by)

    def delete_branch(self, where: Where, branch: str, by: str) -> None:
        """Delete a branch; pull requests from it are closed."""
        self._force(where, branch, ZERO, by)

    def _force(self, where: Where, branch: str, to: str, by: str) -> None:
        with self.world.change():
            there, actor = self._at(where), self._who(by)
            accounts.require(self.world, there, actor.id, "write")
            bare, ref = self.world.bare(there), f"refs/heads/{branch}"
            before = bare.branch(branch)
            if before is None or (to == ZERO and branch == there.default_branch):
                raise not_found()
            bare.update(ref, to, before)
            pulls.branch_moved(self.world, there, ref, before, to, actor)

    def protect(self, where: Where, branch: str, how: str = "protected") -> None:
        """Refuse apps' pushes to a branch (`*`: any) in GitHub's words.

        `how` is `protected`, `ruleset`, `secret` or `large`; `none` lifts it.
        """
        with self.world.change():
            there = self._at(where)
            there.protections = [one for one in there.protections if one.branch != branch]
            if how != "none":
                lines, reason = REJECTIONS[how]
                place = f"{self.world.url}/{self.world.full_name(there)}"
                told = [line.replace("{place}", place).replace("{branch}", branch) for line in lines]
                there.protections.append(Protection(branch=branch, lines=told, reason=reason))

    # Repositories and people

    def rename_repository(self, where: Where, name: str, by: str) -> None:
        """Rename a repository."""
        with self.world.change():
            repositories.rename(self.world, self._at(where), name, self._who(by))

    def archive(self, where: Where, by: str, *, on: bool = True) -> None:
        """Archive (or unarchive) a repository."""
        repositories.change_settings(self.world, self._at(where), self._who(by), archived=on)

    def set_default_branch(self, where: Where, branch: str, by: str) -> None:
        """Make another branch the default."""
        repositories.change_settings(self.world, self._at(where), self._who(by), default_branch=branch)

    def set_public(self, where: Where, by: str, *, public: bool = True) -> None:
        """Open a repository to everybody, or close it."""
        repositories.change_settings(self.world, self._at(where), self._who(by), private=not public)

    def create_label(self, where: Where, name: str, by: str, *, color: str = "ededed") -> None:
        """Make a label."""
        with self.world.change():
            there, actor = self._at(where), self._who(by)
            accounts.require(self.world, there, actor.id, "write")
            repositories.create_label(self.world, there, name, actor, color=color)

    def rename_label(self, where: Where, name: str, fresh: str, by: str) -> None:
        """Rename a label everywhere."""
        with self.world.change():
            there, actor = self._at(where), self._who(by)
            accounts.require(self.world, there, actor.id, "write")
            found = repositories.find_label(there, name)
            if found is None:
                raise not_found()
            repositories.edit_label(self.world, there, found, actor, name=fresh, color=None, text=None)

    def set_permission(self, where: Where, login: str, role: str | None) -> None:
        """Give somebody a role in a repository, or none."""
        if role is not None and role not in accounts.ROLES:
            raise invalid("Repository", "permission", "invalid")
        with self.world.change():
            self._at(where).roles[self._who(login).id] = role or "none"

    def rename_user(self, login: str, fresh: str) -> None:
        """Rename an account; its id stays, its old login is free."""
        with self.world.change():
            if self.world.account(fresh) or not accounts.LOGIN.fullmatch(fresh):
                raise invalid("User", "login", "invalid")
            account = self._who(login).account
            mine = [one for one in self.world.state.repositories.values() if one.owner_id == account.id]
            for one in mine:
                self.world.state.former_names[self.world.full_name(one).lower()] = one.id
            if mine:
                (self.world.root / "git" / account.login).rename(self.world.root / "git" / fresh)
            account.login = fresh

    def delete_user(self, login: str) -> None:
        """Delete an account: what it said is the ghost's now, its roles are gone, its login is free."""
        with self.world.change():
            account = self._who(login).account
            if any(one.owner_id == account.id for one in self.world.state.repositories.values()):
                raise RefusedError(422, "An account that owns repositories cannot be deleted here.")
            account.deleted = True
            for one in self.world.state.repositories.values():
                one.roles.pop(account.id, None)

    def user_id(self, login: str) -> int:
        """Return an account's id."""
        return self._who(login).id

    def closes(self, where: Where, number: int) -> list[int]:
        """Return the issues a pull request would close."""
        there = self._at(where)
        about = self.world.issue(there, number)
        pull_shapes.pull_of(about)
        return pulls.closes(about)
