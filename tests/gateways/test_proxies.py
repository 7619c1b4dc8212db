"""This machine is asked directly by whatever reads proxies from the environment."""

import pytest

from wm_pipeline.gateways.proxies import ask_this_machine_directly, is_this_machine, proxy_words


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        *((host, True) for host in ("localhost", "payroll.localhost", "127.0.0.1", "127.8.0.1", "::1", "0.0.0.0")),
        *((host, False) for host in ("", "model.example", "192.168.0.1", "localhost.example")),
    ],
)
def test_loopback_addresses_are_this_machine(host: str, is_here: bool) -> None:
    assert is_this_machine(host) == is_here


@pytest.mark.parametrize(
    ("variables", "no_proxy"),
    [
        ({}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "lab.example:8000, localhost"}, "lab.example:8000,localhost,127.0.0.1,::1"),
        ({"no_proxy": "a.example", "NO_PROXY": "b.example"}, "a.example,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "*"}, None),
    ],
    ids=["none", "upper case", "lower case first", "everything"],
)
def test_loopback_is_added_to_what_no_proxy_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], no_proxy: str | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    ask_this_machine_directly(variables)

    assert variables.get("no_proxy") == no_proxy


def test_nothing_is_changed_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    variables: dict[str, str] = {}

    ask_this_machine_directly(variables)

    assert variables == {}


@pytest.mark.parametrize(
    ("no_proxy", "words"),
    [
        ("", " through the proxy of ALL_PROXY (socks5://127.0.0.1:9)"),
        ("model.example:8000", ""),
        ("model.example:9000", " through the proxy of ALL_PROXY (socks5://127.0.0.1:9)"),
    ],
    ids=["all", "this port", "another port"],
)
def test_a_proxy_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch, no_proxy: str, words: str) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", no_proxy)

    assert proxy_words("http://model.example:8000/v1") == words
