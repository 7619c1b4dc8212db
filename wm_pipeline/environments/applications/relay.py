"""From the browser's wall to the application: its host names are answered by asking its port.

The browser sees `http://NAME.localhost`, and so does the application: host and cookies pass as they are. Web sockets do
not pass, nor do answers that never end.
"""

import http.client
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from wm_pipeline.domain.address import parse_address

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ONE_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
    }
)
"""Headers that speak of one connection, not of the answer."""
ANSWER_LIMIT_S = 30.0


class Relay:
    """A WSGI application that asks another server and passes its answer on."""

    def __init__(self, base_url: str) -> None:
        parts = parse_address(base_url)
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host = parts.host.strip("[]") or "127.0.0.1"
        self._port = int(parts.port) if parts.port else None

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        connection = self._kind(self._host, self._port, timeout=ANSWER_LIMIT_S)
        body = request.get_data()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in ONE_HOP}
        try:
            connection.request(
                request.method, environ.get("REQUEST_URI") or request.full_path, body=body or None, headers=headers
            )
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            failed = Response(f"The application does not answer: {error}", 502, mimetype="text/plain")
            return failed(environ, start_response)
        finally:
            connection.close()
        passed = [(name, value) for name, value in answer.getheaders() if name.lower() not in ONE_HOP]
        return Response(content, answer.status, passed)(environ, start_response)
