"""A real local server that speaks chat completions, with answers and misbehaviour on demand."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response


@dataclass(frozen=True, slots=True)
class Turn:
    """What the server does with one request."""

    text: str = ""
    status: int = 200
    finish: str = "stop"
    refusal: str | None = None
    delay_s: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    """Sent as it is, in the place of a completion or of the server's own words about an error."""
    message: Mapping[str, Any] = field(default_factory=dict)
    """What the completion's message has besides, or instead."""
    mimetype: str = "application/json"
    hangs_up: bool = False
    """The connection ends without an answer."""


def says(**content: object) -> Turn:
    return Turn(json.dumps(content))


@dataclass(slots=True)
class ChatServer:
    """Answers with the turns in order, the last one for ever, or with what `reply` makes of the request."""

    turns: list[Turn] = field(default_factory=list)
    reply: Callable[[dict[str, Any]], Turn] | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        asked = json.loads(request.get_data())
        with self.lock:
            self.requests.append(asked)
            self.keys.append(request.headers.get("Authorization"))
            self.headers.append(dict(request.headers))
            turn = self.reply(asked) if self.reply else self.turns[min(len(self.requests), len(self.turns)) - 1]
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        time.sleep(turn.delay_s)
        with self.lock:
            self.under_way -= 1
        if turn.hangs_up:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        if turn.body is not None:
            body = turn.body
        elif turn.status != 200:
            body = json.dumps({"error": {"message": f"told to answer {turn.status}"}})
        else:
            body = json.dumps(_completion(asked, turn))
        answer = Response(body, turn.status, mimetype=turn.mimetype)
        answer.headers.update(dict(turn.headers))
        return answer(environ, start_response)


def _completion(asked: dict[str, Any], turn: Turn) -> dict[str, Any]:
    message = {"role": "assistant", "content": turn.text, "refusal": turn.refusal, **turn.message}
    used = {
        "prompt_tokens": sum(len(one["content"].split()) for one in asked["messages"]),
        "completion_tokens": len(turn.text.split()),
    }
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": asked["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": turn.finish}],
        "usage": {**used, "total_tokens": sum(used.values())},
    }


@contextmanager
def chat_server(*turns: Turn, reply: Callable[[dict[str, Any]], Turn] | None = None) -> Iterator[ChatServer]:
    app = ChatServer(list(turns), reply)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    app.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
