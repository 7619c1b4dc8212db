"""The wall: what keeps everything a page or an agent does on this machine."""

from collections.abc import Collection

from wm_pipeline.domain.action import FORBIDDEN_SCHEMES
from wm_pipeline.domain.address import parse_address
from wm_pipeline.domain.errors import InvalidInputError


def wall_flags(port: int) -> tuple[str, ...]:
    """Chromium flags with which every name but `*.localhost` is unknown, literal addresses included.

    The two WebRTC flags are one setting under the names that the headless shell and the full browser know.
    """
    return (
        f"--host-resolver-rules=MAP *.localhost:80 127.0.0.1:{port}, MAP * ~NOTFOUND",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--disable-quic",
        "--no-pings",
        "--dns-prefetch-disable",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-domain-reliability",
        "--disable-sync",
        "--no-first-run",
        "--no-proxy-server",
    )


def check_address(address: str, *, base_url: str, allowed_hosts: Collection[str]) -> str:
    """The absolute address an agent may open. Raises InvalidInputError for another scheme or a host not listed."""
    parts = parse_address(address, base_url)
    if parts.scheme in FORBIDDEN_SCHEMES:
        raise InvalidInputError(f"action.value: {address!r} is not an address an agent may open")
    if not parts.scheme:
        raise InvalidInputError(f"action.value: {address!r} is not an address")
    if parts.scheme not in {"http", "https"}:
        raise InvalidInputError(f"action.value: {address!r} is neither http nor https")
    if parts.host not in allowed_hosts or parts.port not in {"", "80", "443"} or parts.has_user:
        listed = ", ".join(sorted(allowed_hosts))
        raise InvalidInputError(f"action.value: {address!r} leaves the hosts of this world ({listed})")
    return parts.href
