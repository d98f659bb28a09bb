"""The pages a link opens: one issue or pull request, its labels and what was said; escaped text, no scripts."""

from html import escape

from github_app.demo.hub import shapes
from github_app.demo.hub.records import Issue, Repository
from github_app.demo.hub.world import World

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1f2328}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;margin:.5rem 0}"
    "article{border:1px solid #d1d9e0;border-radius:6px;padding:.5rem 1rem;margin:1rem 0}"
    ".diff{font:13px/1.4 ui-monospace,monospace}"
    ".label{border:1px solid #8c959f;border-radius:1rem;padding:0 .6rem;margin-right:.3rem;font-size:.85rem}"
)
_EMOJI = {
    "+1": "👍", "-1": "👎", "laugh": "😄", "hooray": "🎉", "confused": "😕", "heart": "❤️", "rocket": "🚀", "eyes": "👀",
}  # fmt: skip


def page(title: str, body: str) -> str:
    """Return a whole page."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style><body>{body}</body></html>'
    )


def conversation(world: World, where: Repository, about: Issue) -> str:
    """Return the page of an issue or pull request."""
    full = world.full_name(where)
    state = "merged" if about.pull and about.pull.merged_at else about.state
    labels = "".join(f'<span class="label">{escape(name)}</span>' for name in about.labels)
    parts = [
        f'<p><a href="/{escape(full)}">{escape(full)}</a></p>',
        f"<h1>{escape(about.title)} #{about.number}</h1>",
        f"<p><b>{state}</b>{' · draft' if about.pull and about.pull.draft else ''} {labels}</p>",
        _said(world, about.author_id, about.created_at, about.body or "", shapes.rollup("", about.reactions)),
    ]
    later = [
        (
            one.created_at,
            one.id,
            _said(world, one.author_id, one.created_at, one.body, shapes.rollup("", one.reactions)),
        )
        for one in about.comments
    ]
    if about.pull:
        for one in about.pull.reviews:
            text = f"[{one.state.lower()}] {one.body}"
            later.append((one.submitted_at, one.id, _said(world, one.author_id, one.submitted_at, text, {})))
        for note in about.pull.review_comments:
            text = f"{note.path}:{note.line}\n{note.body}"
            later.append((note.created_at, note.id, _said(world, note.author_id, note.created_at, text, {})))
    parts += [said for _, _, said in sorted(later)]
    if about.pull:
        bare = world.bare(where)
        base = bare.merge_base(about.pull.base_sha, about.pull.head_sha) or about.pull.base_sha
        parts.append(f"<h2>{escape(about.pull.base_ref)} ← {escape(about.pull.head_ref)}</h2>")
        for file in bare.changes(base, about.pull.head_sha):
            title = f"{file.path} +{file.additions} -{file.deletions}"
            parts.append(f'<article><b>{escape(title)}</b><pre class="diff">{escape(file.patch)}</pre></article>')
        for run in (one for one in where.check_runs if one.head_sha == about.pull.head_sha):
            text = "\n".join(filter(None, (run.title, run.summary, run.text)))
            verdict = run.conclusion or run.status
            parts.append(f"<article><b>{escape(run.name)}: {escape(verdict)}</b><pre>{escape(text)}</pre></article>")
    return page(f"{about.title} #{about.number}", "".join(parts))


def _said(world: World, author_id: int, at: str, text: str, counts: dict[str, object]) -> str:
    shown = " ".join(f"{_EMOJI[name]} {counts[name]}" for name in _EMOJI if counts.get(name))
    who = escape(world.known(author_id).login)
    return f"<article><b>{who}</b> <small>{escape(at)}</small><pre>{escape(text)}</pre><p>{shown}</p></article>"


def repository(world: World, where: Repository) -> str:
    """Return the page of a repository: its issues and pull requests."""
    full = world.full_name(where)
    lines = [
        f'<li><a href="/{escape(full)}/{"pull" if one.pull else "issues"}/{number}">#{number} {escape(one.title)}</a> '
        f"({one.state})</li>"
        for number, one in sorted(where.issues.items(), reverse=True)
    ]
    return page(full, f"<h1>{escape(full)}</h1><ul>{''.join(lines)}</ul>")


def front(world: World) -> str:
    """Return the front page: the repositories."""
    names = sorted(world.full_name(one) for one in world.state.repositories.values())
    lines = [f'<li><a href="/{escape(name)}">{escape(name)}</a></li>' for name in names]
    return page("Small local GitHub", f"<h1>Repositories</h1><ul>{''.join(lines)}</ul>")
