"""Facts of a delta relative to where the agent stands, such as `url @target` or `rows @site orders inserted`.

What a model writes need not spell hosts and addresses that its prompt has just told it, and what it learned on one site
holds on the next.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from wm_pipeline.domain.address import parse_address
from wm_pipeline.domain.relations import ActionRelations
from wm_pipeline.domain.state import State

PAGE, TARGET, SITE = "@page", "@target", "@site"
"""The page that is open; where the action leads or sends to; the host of the page. No host has an @ in it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What relative facts refer to: addresses as a url fact has them, host and path. None where there is none."""

    page: str | None
    target: str | None

    @property
    def host(self) -> str | None:
        return None if self.page is None else self.page.partition("/")[0]

    @property
    def site(self) -> str | None:
        """As facts about rows call it: the first part of the host's name."""
        return None if self.host is None else self.host.partition(".")[0]

    @property
    def target_host(self) -> str | None:
        return None if self.target is None else self.target.partition("/")[0]


def page_of(state: State) -> str | None:
    """The page that is open."""
    return _host_and_path(state.url)


def target_of(relations: ActionRelations) -> str | None:
    """Where an action leads or sends to."""
    return None if relations.destination is None else _host_and_path(relations.destination)


def _host_and_path(url: str) -> str | None:
    parts = parse_address(url)
    return parts.place if parts.host else None


def relative_facts(facts: Iterable[str], reference: Reference) -> tuple[str, ...]:
    """Facts (delta.facts_of_delta) with the reference's addresses replaced by their names."""
    return tuple(_relative(fact, reference) for fact in facts)


def _relative(fact: str, at: Reference) -> str:
    match fact.split(" "):
        case ["url", address] if address == at.target:
            return f"url {TARGET}"
        case ["url", address] if address == at.page:
            return f"url {PAGE}"
        case ["url", address] if at.host is not None and address.startswith(f"{at.host}/"):
            return f"url {SITE}{address.removeprefix(at.host)}"
        case ["rows", site, *rest] if site == at.site:
            return " ".join(("rows", SITE, *rest))
        case ["request", method, host] if host == at.host:
            return f"request {method} {SITE}"
        case ["request", method, host] if host == at.target_host:
            return f"request {method} {TARGET}"
    return fact


def absolute_facts(facts: Iterable[str], reference: Reference) -> tuple[str, ...]:
    """The inverse of relative_facts. A fact about a place that the reference does not have is left out."""
    found = (_absolute(fact, reference) for fact in facts)
    return tuple(fact for fact in found if fact is not None)


def _absolute(fact: str, at: Reference) -> str | None:
    match fact.split(" "):
        case ["url", place] if place in (TARGET, PAGE):
            address = at.target if place == TARGET else at.page
            return None if address is None else f"url {address}"
        case ["url", place] if place.startswith(f"{SITE}/"):
            return None if at.host is None else f"url {at.host}{place.removeprefix(SITE)}"
        case ["rows", place, *rest] if place == SITE:
            return None if at.site is None else " ".join(("rows", at.site, *rest))
        case ["request", method, place] if place in (SITE, TARGET):
            host = at.host if place == SITE else at.target_host
            return None if host is None else f"request {method} {host}"
    return fact
