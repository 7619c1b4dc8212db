"""A real S3 server behind a proxy of ours that refuses, delays or passes on."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.stores import s3_process
from tests.fakes.s3_server import BUCKET, client_of, options_at

_DELAY_S = 2.0
_ANSWERS = {
    "unavailable": (503, "SlowDown", "Please reduce your request rate."),
    "expired": (403, "ExpiredToken", "The provided token has expired."),
}


class Mood(StrEnum):
    GOOD = "good"
    UNAVAILABLE = "unavailable"
    """Every request is answered with 503."""
    SLOW = "slow"
    """Every answer comes two seconds late."""
    EXPIRED = "expired"
    """Every request is told that its credentials have expired."""


class Store:
    """The server as rounds see it."""

    def __init__(self, upstream: str) -> None:
        self.mood = Mood.GOOD
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, upstream.removeprefix("http://")))
        self._server.daemon_threads = True
        self._upstream = upstream
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def variables(self, prefix: str) -> dict[str, str]:
        """For processes whose outputs lie under a prefix of the bucket."""
        return {
            "WM_DATA": f"s3://{BUCKET}/{prefix}",
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "a-key",
            "AWS_SECRET_ACCESS_KEY": "a-secret",
            "AWS_REGION": "us-east-1",
        }

    def upload(self, folder: Path, prefix: str) -> None:
        for file in sorted(path for path in folder.rglob("*") if path.is_file() and path.name[:1] != "."):
            self._client().upload_file(str(file), BUCKET, f"{prefix}/{file.relative_to(folder).as_posix()}")

    def delete(self, prefix: str) -> None:
        client = self._client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
        for found in (one for page in pages for one in page.get("Contents", [])):
            client.delete_object(Bucket=BUCKET, Key=found["Key"])

    def _client(self) -> Any:
        return client_of(options_at(self._upstream))


def _handler(store: Store, upstream: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: thousands of requests."""

        def _pass_on(self) -> None:
            body = self._body()
            if store.mood is Mood.SLOW:
                time.sleep(_DELAY_S)
            if store.mood in _ANSWERS:
                status, code, message = _ANSWERS[store.mood]
                text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
                self._answer(status, [("Content-Type", "application/xml")], text, len(text))
                return
            connection = http.client.HTTPConnection(upstream, timeout=120)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "transfer-encoding"}
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            length = int(answer.headers.get("Content-Length", len(content)))
            dropped = ("content-length", "transfer-encoding", "connection")
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in dropped]
            self._answer(answer.status, kept, content, length)
            connection.close()

        def _body(self) -> bytes:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, length: int) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815 the base's own names

    return Handler


@contextmanager
def moody_store() -> Iterator[Store]:
    with s3_process() as options:
        assert options.endpoint_url is not None
        store = Store(options.endpoint_url)
        try:
            yield store
        finally:
            store.stop()
