"""Facts of a delta said from where the agent stands: `url @target`, `rows @site orders inserted`, `request POST @site`.

What a model writes need not spell hosts and addresses that its prompt has just told it, and what it learned on one site
holds on the next. Both directions read the texts of state and action that the model reads, and nothing else.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from wm_pipeline.domain.text import DESTINATION_PATTERN, PAGE_PATTERN

PAGE, TARGET, SITE = "@page", "@target", "@site"
"""The page that is open; where the action leads or sends to; the host of the page. No host has an @ in it."""


@dataclass(frozen=True, slots=True)
class Standpoint:
    """Addresses as a url fact has them: host and path. None where the texts name none."""

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


def standpoint_of(state_summary: str, action_repr: str) -> Standpoint:
    page = re.search(PAGE_PATTERN, state_summary)
    here = None if page is None else _without_query(page[1])
    led = re.search(DESTINATION_PATTERN, action_repr)
    if led is None:
        return Standpoint(here, None)
    whose, address = led.groups()
    if whose == "other":
        return Standpoint(here, _without_query(address))
    return Standpoint(here, None if here is None else here.partition("/")[0] + _without_query(address))


def _without_query(address: str) -> str:
    return address.partition("?")[0]


def relative_facts(facts: Iterable[str], standpoint: Standpoint) -> tuple[str, ...]:
    """Facts (delta.facts_of_delta) with addresses of the standpoint replaced by their names."""
    return tuple(_relative(fact, standpoint) for fact in facts)


def _relative(fact: str, at: Standpoint) -> str:
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


def absolute_facts(facts: Iterable[str], standpoint: Standpoint) -> tuple[str, ...]:
    """The inverse of relative_facts. A fact about a place that the standpoint does not have is left out."""
    found = (_absolute(fact, standpoint) for fact in facts)
    return tuple(fact for fact in found if fact is not None)


def _absolute(fact: str, at: Standpoint) -> str | None:
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
