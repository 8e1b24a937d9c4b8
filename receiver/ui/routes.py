"""Which pages there are."""

from aiohttp import web

from jobs.derive import session_key
from receiver.front import FRONT
from receiver.ui import applications, door, frame, pages
from receiver.ui.guesses import Guesses
from receiver.ui.sessions import Sessions


def add_to(app: web.Application) -> None:
    """Serve the pages beside the API."""
    front = app[FRONT]
    masters = front.settings.master_keys
    app[door.SESSIONS] = Sessions([session_key(master, front.settings.instance) for master in masters], front.tokens)
    app[door.GUESSES] = Guesses()
    app.router.add_get("/style.css", frame.style)
    app.router.add_get("/login", door.form)
    app.router.add_post("/login", door.enter)
    app.router.add_post("/logout", door.leave)
    app.router.add_get("/", pages.home)
    app.router.add_get("/jobs", door.behind(pages.jobs))
    app.router.add_get("/jobs/{id}", door.behind(pages.job))
    app.router.add_get("/commits/{sha}", door.behind(pages.commit))
    app.router.add_get("/applications", door.behind(applications.applications))
    app.router.add_get("/applications/{namespace}/{name}", door.behind(applications.application))
