"""Proxies: this machine is asked directly, others through the proxy that the environment names."""

import ipaddress
import re
from collections.abc import MutableMapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def unproxied(url: str) -> dict[str, None]:
    """The `mounts` of an httpx client that ask this machine directly, whatever proxies the environment names."""
    host = urlsplit(url).hostname or ""
    if not is_this_machine(host):
        return {}
    return {f"all://[{host}]" if ":" in host else f"all://{host}": None}


def proxy_words(url: str) -> str:
    """` through the proxy of HTTP_PROXY (http://proxy:3128)`, when a proxy is used; else an empty text."""
    parts = urlsplit(url)
    if is_this_machine(parts.hostname or "") or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    proxies = getproxies()
    for scheme in (parts.scheme, "all"):
        if scheme in proxies:
            # A proxy's address may hold a password.
            address = re.sub(r"//[^/]*@", "//", proxies[scheme])
            return f" through the proxy of {scheme.upper()}_PROXY ({address})"
    return ""


def ask_this_machine_directly(variables: MutableMapping[str, str]) -> None:
    """Have libraries that read proxies from the environment (MLflow's, S3's) and children ask this machine directly."""
    if not getproxies():
        return
    listed = [host.strip() for host in (variables.get("no_proxy") or variables.get("NO_PROXY") or "").split(",")]
    if "*" not in listed:
        hosts = ",".join(dict.fromkeys(host for host in (*listed, *_LOOPBACK) if host))
        variables["NO_PROXY"] = variables["no_proxy"] = hosts
