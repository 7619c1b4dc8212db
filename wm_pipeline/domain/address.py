"""Addresses, read as browsers read them (the URL standard of WHATWG): the one parser for what others wrote.

Backslashes, tabs, `user@`, percent signs and IDNA in hosts, numbers as IP addresses and missing slashes are the
standard's to read. What cannot be parsed has no parts, and is never an error.

A site is a registrable domain by the public suffix list. Each `*.localhost` name is a site of its own, as if
`localhost` were a public suffix, and so is an IP address.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from ada_url import URL
from publicsuffixlist import PublicSuffixList

_LONGEST_KEPT = 2_000
"""Longer addresses are parsed each time, not kept in memory."""
_RESERVED = frozenset({"example", "test", "invalid", "localhost", "local", "internal", "lan"})
"""Last labels that no registry gives out, and that documents, tests and networks at home use."""
_FILE_ENDINGS = frozenset({"cc", "md", "mov", "pl", "ps", "py", "rs", "sh", "so", "zip"})
"""Top-level domains that are endings of files, too: `README.md` is a file, `example.md/x` is not."""
_NAMED = re.compile(
    r"(?P<address>https?:[/\\]+[^\s<>\"'`|{}]{1,2000})"
    r"|(?<![\w@.:/\\-])(?P<bare>(?:[\w-]{1,63}\.){1,10}[\w-]{2,63})(?![\w@-])(?P<path>[/:])?"
)
"""An address, or names with dots between them that are no part of an e-mail, a path or a longer word."""


class Address(NamedTuple):
    """The parts of an address; all of them empty when it cannot be parsed."""

    href: str = ""
    """The whole, as a browser writes it."""
    scheme: str = ""
    """Without its colon."""
    host: str = ""
    """In ASCII and small letters, IPv6 in brackets; a dot at its end stays, as in a browser."""
    port: str = ""
    """Empty where it is the scheme's own."""
    path: str = ""
    query: str = ""
    fragment: str = ""
    origin: str = ""
    """Scheme, host and port; `null` where a browser has none."""
    has_user: bool = False
    """A name or a password stands before the host."""

    @property
    def route(self) -> str:
        """The fragment where it says what is shown or passed on, such as `/orders/7` or `token=1`; else empty."""
        return self.fragment if self.fragment.startswith(("/", "!")) or "=" in self.fragment else ""

    @property
    def place(self) -> str:
        """Host and path, and the route where the fragment is one."""
        return host_name(self.host) + (self.path or "/") + (f"#{self.route}" if self.route else "")

    def values(self) -> tuple[tuple[str, str], ...]:
        """Names and values that it carries, in its query and in a fragment that has some."""
        pairs = parse_qsl(self.query)
        if self.route:
            pairs += parse_qsl(self.route.partition("?")[2] or self.route.lstrip("/!"))
        return tuple(pairs)


_NOWHERE = Address()


def parse_address(address: str, base: str = "") -> Address:
    """The parts of an address; `base`: of the page that it stands on, where it may be a part of an address."""
    if len(address) + len(base) > _LONGEST_KEPT:
        return _parse(address, base)
    return _parse_kept(address, base)


def _parse(address: str, base: str) -> Address:
    try:
        url = _url(address, base)
    except ValueError:
        return _NOWHERE
    return Address(
        href=url.href,
        scheme=url.protocol.removesuffix(":"),
        host=url.hostname,
        port=url.port,
        path=url.pathname,
        query=url.search.removeprefix("?"),
        fragment=url.hash.removeprefix("#"),
        origin=url.origin,
        has_user=bool(url.username or url.password),
    )


_parse_kept = lru_cache(maxsize=4096)(_parse)


def _url(address: str, base: str) -> URL:
    """Raises ValueError for what is no address."""
    try:
        return URL(address, base=base) if base else URL(address)
    except UnicodeEncodeError:
        # Half a character becomes U+FFFD, as in a browser.
        address, base = (text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in (address, base))
        return URL(address, base=base) if base else URL(address)
    except ValueError:
        # A page whose own address is none: what stands on it may still be an absolute one.
        return URL(address)


def is_page_address(address: str) -> bool:
    """Whether a page can have this address: an absolute one that can be parsed."""
    return bool(parse_address(address).scheme)


def host_of(url: str) -> str:
    """The host of an address, without a dot at its end; empty where there is none."""
    return host_name(parse_address(url).host)


def host_name(host: str) -> str:
    """A host as names are compared: the dot at its end, which says only that nothing follows, is gone."""
    return host.rstrip(".")


def site_of(url: str) -> str:
    """The registrable domain of an address; the host where it has none, as an IP address; empty without a host."""
    return site_of_host(host_of(url))


@lru_cache(maxsize=4096)
def site_of_host(host: str) -> str:
    if host.startswith("[") or host.rpartition(".")[2].isdigit():
        return host
    return _suffixes().privatesuffix(host) or host


def is_cross_site(url: str, page_url: str) -> bool:
    """Whether an address belongs to another site than that of the page."""
    return site_of(url) != site_of(page_url)


def hosts_in(text: str) -> tuple[str, ...]:
    """Hosts that a text names: by an address, or by a domain that can be one; sorted.

    No host: what follows the @ of an e-mail, a file's name (`report.pdf`, `node.js`), words with a dot between them.
    """
    return tuple(sorted(set(_hosts_in(text))))


def _hosts_in(text: str) -> Iterator[str]:
    for found in _NAMED.finditer(text):
        if found["address"]:
            host = host_of(found["address"])
        else:
            host = host_of(f"http://{found['bare']}/")
            if not _is_domain(host, written=found["bare"], has_path=found["path"] is not None):
                continue
        if host:
            yield host


def _is_domain(host: str, *, written: str, has_path: bool) -> bool:
    """Whether names with dots between them are a domain."""
    *names, last = host.split(".")
    if not names or last.isdigit() or (written[0].islower() and written.rpartition(".")[2].istitle()):
        return False  # "0.5", and a sentence that ends without a space after it: "paid.To"
    if last in _FILE_ENDINGS and len(names) == 1 and not has_path:
        return False
    return last in _RESERVED or _suffixes(is_lenient=False).privatesuffix(host) is not None


@cache
def _suffixes(*, is_lenient: bool = True) -> PublicSuffixList:
    """The list that the package has inside; lenient: an unknown last label is a public suffix, as in browsers."""
    return PublicSuffixList(accept_unknown=is_lenient)
