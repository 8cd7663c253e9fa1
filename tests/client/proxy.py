"""A TCP proxy that cuts its connections, as bad networks do."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class CuttingProxy:
    """Forwards to a port of this machine; after `cut_after` bytes in one direction it cuts everything, once each.

    `cuts` are the amounts, in the order in which they are used: one for each connection that carries as much.
    """

    def __init__(self, port: int, cuts: list[int], *, downstream: bool = False) -> None:
        self._port = port
        self._cuts = cuts
        self._downstream = downstream
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.cuts_made = 0
        self.cut_made = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._port))
            except ConnectionRefusedError:
                client.close()
                continue
            with self._lock:
                self._sockets += [client, server]
                self.connections += 1
            for source, target, counted in (
                (client, server, not self._downstream),
                (server, client, self._downstream),
            ):
                threading.Thread(
                    target=self._forward, args=(source, target), kwargs={"counted": counted}, daemon=True
                ).start()

    def _forward(self, source: socket.socket, target: socket.socket, *, counted: bool) -> None:
        carried = 0
        with suppress(OSError):
            while data := source.recv(1 << 16):
                carried += len(data)
                if counted and self._take_cut(carried):
                    self._cut_all()
                    return
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _take_cut(self, carried: int) -> bool:
        with self._lock:
            if self._cuts and carried >= self._cuts[0]:
                self._cuts.pop(0)
                self.cuts_made += 1
                self.cut_made.set()
                return True
            return False

    def _cut_all(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for end in sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
