"""One loopback server for all the host names of a world: the Host header decides which application answers."""

import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _QuietHandler(WSGIRequestHandler):
    """Keeps connections open between requests and writes no log: a browser asks often."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def send_header(self, keyword: str, value: str) -> None:
        """As UTF-8, which browsers read: an address that somebody wrote may hold letters that Latin-1 does not have."""
        super().send_header(keyword, value.encode().decode("latin-1"))

    def log(self, type: str, message: str, *args: object) -> None:
        """Nothing: what was requested is recorded by the applications."""


def host_of_header(header: str) -> str:
    """The host name in a Host header, without its port, in lower case."""
    name, _, port = header.strip().lower().rpartition(":")
    return name if name and port.isdigit() else header.strip().lower()


class HostServer:
    """A threaded server on 127.0.0.1 and a free port. Give `apps` a new mapping to change worlds between episodes."""

    def __init__(self, apps: "Mapping[str, WSGIApplication]", fallback: "WSGIApplication") -> None:
        self.apps = apps
        self._fallback = fallback
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, self._dispatch, threaded=True, request_handler=_QuietHandler
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="host-server", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def _dispatch(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        host = host_of_header(environ.get("HTTP_HOST", ""))
        return self.apps.get(host, self._fallback)(environ, start_response)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
