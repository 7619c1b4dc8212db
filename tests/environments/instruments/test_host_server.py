"""One server answers for every host name, and finding a browser says what to do when there is none."""

import http.client
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from wm_pipeline.domain.errors import BrowserError
from wm_pipeline.environments.browser.chromium import ChromiumBinary, ChromiumKind, find_chromium
from wm_pipeline.environments.instruments.host_server import HostServer, host_of_header


def app_saying(text: str) -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
        return [text.encode()]

    return app


def ask(connection: http.client.HTTPConnection, host: str) -> str:
    connection.request("GET", "/", headers={"Host": host})
    return connection.getresponse().read().decode()


def test_the_host_header_decides_who_answers_on_one_kept_connection() -> None:
    with HostServer({"mail.localhost": app_saying("mail")}, app_saying("nobody")) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        first = ask(connection, "mail.localhost")
        socket_before = connection.sock
        second = ask(connection, "MAIL.localhost:80")
        other = ask(connection, "evil.localhost")
        server.apps = {"evil.localhost": app_saying("evil")}
        replaced = ask(connection, "evil.localhost")

        assert (first, second, other, replaced) == ("mail", "mail", "nobody", "evil")
        assert connection.sock is socket_before
        connection.close()


def test_a_header_may_hold_what_somebody_wrote() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("302 Found", [("Location", "http://p\u0456y\u200b.localhost/"), ("Content-Length", "0")])
        return [b""]

    with HostServer({}, app) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")
        answer = connection.getresponse()

        assert answer.status == 302
        assert answer.headers["Location"].encode("latin-1").decode() == "http://p\u0456y\u200b.localhost/"
        connection.close()


def test_a_closed_server_no_longer_listens() -> None:
    server = HostServer({}, app_saying("nobody"))
    port = server.port

    server.close()

    with pytest.raises(ConnectionRefusedError):
        ask(http.client.HTTPConnection("127.0.0.1", port, timeout=2), "mail.localhost")


@pytest.mark.parametrize(
    ("header", "host"),
    [("a.localhost", "a.localhost"), ("A.localhost:8080", "a.localhost"), ("", ""), ("[::1]:80", "[::1]")],
)
def test_a_host_header_loses_its_port(header: str, host: str) -> None:
    assert host_of_header(header) == host


def test_a_configured_browser_comes_first(tmp_path: Path) -> None:
    browser = tmp_path / "my-chromium"
    browser.touch()

    assert find_chromium(str(browser)) == ChromiumBinary(browser, ChromiumKind.CONFIGURED)


def test_a_configured_browser_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BrowserError) as refused:
        find_chromium("/nowhere/chromium")

    assert str(refused.value) == "WM_CHROMIUM names '/nowhere/chromium', which is not a file; correct it or unset it"


def test_browsers_are_looked_for_in_order(tmp_path: Path) -> None:
    system = (
        ChromiumBinary(tmp_path / "shell", ChromiumKind.HEADLESS_SHELL),
        ChromiumBinary(tmp_path / "full", ChromiumKind.FULL),
    )
    downloaded = tmp_path / "cache" / "chromium_headless_shell-1255" / "linux" / "headless_shell"
    downloaded.parent.mkdir(parents=True)

    def found() -> ChromiumKind:
        return find_chromium(None, system=system, playwright_cache=tmp_path / "cache").kind

    downloaded.touch()
    assert found() is ChromiumKind.PLAYWRIGHT
    system[1].path.touch()
    assert found() is ChromiumKind.FULL
    system[0].path.touch()
    assert found() is ChromiumKind.HEADLESS_SHELL


def test_without_any_browser_the_error_says_how_to_install_one(tmp_path: Path) -> None:
    with pytest.raises(BrowserError) as refused:
        find_chromium(None, system=(), playwright_cache=tmp_path)

    assert str(refused.value) == (
        "no Chromium was found; install one with `apt-get install -y --no-install-recommends chromium-headless-shell`, "
        "or set WM_CHROMIUM to the path of a browser"
    )
