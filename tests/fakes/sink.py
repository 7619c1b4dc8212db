"""The outside: a port that notices every TCP connection and every UDP datagram that reaches it."""

import socket
import threading
from types import TracebackType
from typing import Self


class Sink:
    """TCP and UDP on the same loopback port number, on all loopback addresses that exist."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._is_open = True
        tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", self.port))
        self._sockets = [tcp, udp]
        self._threads = [
            threading.Thread(target=self._accept, args=(tcp,)),
            threading.Thread(target=self._receive, args=(udp,)),
        ]
        if socket.has_dualstack_ipv6():
            six = socket.create_server(("::1", self.port), family=socket.AF_INET6)
            self._sockets.append(six)
            self._threads.append(threading.Thread(target=self._accept, args=(six,)))
        for one in self._sockets:
            one.settimeout(0.1)
        for thread in self._threads:
            thread.start()

    def _accept(self, tcp: socket.socket) -> None:
        while self._is_open:
            try:
                connection, _ = tcp.accept()
            except TimeoutError:
                continue
            connection.settimeout(0.5)
            try:
                first = connection.recv(200)
            except (TimeoutError, ConnectionError):
                first = b""
            self.seen.append("tcp " + first.decode("latin-1").partition("\r\n")[0])
            connection.close()

    def _receive(self, udp: socket.socket) -> None:
        while self._is_open:
            try:
                data, _ = udp.recvfrom(2048)
            except TimeoutError:
                continue
            self.seen.append(f"udp {len(data)} bytes")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_open = False
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()
