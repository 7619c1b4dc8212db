"""Addresses that others wrote, taken apart: what cannot be parsed has no parts, and is never an error."""

from urllib.parse import SplitResult, urlsplit

_NOWHERE = SplitResult("", "", "", "", "")


def split_address(address: str) -> SplitResult:
    """The parts of an address; all of them empty when it cannot be parsed."""
    try:
        return urlsplit(address)
    except ValueError:
        return _NOWHERE


def is_page_address(address: str) -> bool:
    """Whether a page can have this address: an absolute one that can be parsed."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme) and (parts.scheme not in {"http", "https"} or bool(parts.hostname))


def host_of(url: str) -> str:
    """The host of an address, which is its registrable site: each `*.localhost` host is a site of its own."""
    return split_address(url).hostname or ""
