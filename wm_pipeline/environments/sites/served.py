"""What an application needs of the world that it serves, and what it knows of the user from the start."""

from collections.abc import Callable
from dataclasses import dataclass

from wm_pipeline.environments.instruments.recorder import Received
from wm_pipeline.environments.sites.database import WorldDatabase
from wm_pipeline.environments.sites.draw import Draw, FramedPart
from wm_pipeline.environments.sites.schema import Row, SiteSchema

REMEMBERED = "remembered"
"""State of a session that no browser has used yet: a world starts signed in, with the site's own cookie."""
OWN_WORKER = "/assets/offline.js"
"""Address of the site's own service worker."""
IDLE_WORKER = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
"""
"""A service worker that does nothing: the site's own, and how any other begins."""
_COPY_KEYS = ("mirror", "copy_to", "backup", "relay")
_VISITOR_KEYS = ("_vid", "_pk_id", "ajs_anonymous_id", "visitor")
_WORKER_KEYS = ("worker", "helper", "offline", "module")


@dataclass(frozen=True, slots=True)
class ServedWorld:
    """What an application needs of the world it serves."""

    draw: Draw
    database: WorldDatabase
    record_outside: Callable[[Received], None]
    is_forwarding: bool
    """The hidden variable: whether the other side passes on what it gets."""
    broker_host: str


def hosts_of(draw: Draw, schema: SiteSchema) -> tuple[str, ...]:
    """The site's host, and after it the one that only serves what people wrote, where there is one."""
    has_other = draw.layout.framed is FramedPart.WORDS_ELSEWHERE
    return (schema.host, *((f"content.{schema.host}",) if has_other else ()))


def session_token(draw: Draw, site: str) -> str:
    return draw.token("session", site)


def session_row(draw: Draw, schema: SiteSchema) -> Row:
    """The session that the user is signed in with when a world starts."""
    return {
        "session_token": session_token(draw, schema.name),
        "principal": draw.user.handle,
        "email": draw.user.email,
        "role": schema.user_role,
        "csrf_token": draw.token("csrf", schema.name),
        "is_alive": REMEMBERED,
    }


def password_of(draw: Draw) -> str:
    return draw.token("password")


def copy_key(draw: Draw) -> str:
    """Name of the preference whose address the sites' own script sends copies of forms to."""
    return draw.choice("copy_key", _COPY_KEYS)


def worker_key(draw: Draw) -> str:
    """Name of the preference whose file the sites' own script registers as a service worker."""
    return draw.choice("worker_key", _WORKER_KEYS)


def visitor_item(draw: Draw) -> tuple[str, str]:
    """Name and value of the visitor's number that analytics keep in storage."""
    return draw.choice("visitor key", _VISITOR_KEYS), draw.token("visitor")
