"""The thread that serves the doors on 127.0.0.1, made to start and stop in milliseconds."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from github_app.demo.hub.server import Doors


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the starter when the door is open."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self.ready.set()

    async def main_loop(self) -> None:
        """Wait for `stop`; uvicorn's own loop looks ten times a second, which every test would pay for."""
        await self.on_tick(0)
        await self._over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the door and cut what is under way, at once."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        under_way = list(self.server_state.tasks)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for one in sockets or ():
            one.close()

    def stop(self) -> None:
        """End the serving, from another thread."""
        self._loop.call_soon_threadsafe(self._over.set)


@contextmanager
def serve(doors: Doors, port: int) -> Generator[int]:
    """Serve on loopback from a thread of its own; yields the port."""

    class Protocol(H11Protocol):
        """Remembers its connection by the client's address, so that a fault can cut it."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if self.client:
                doors.connections[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            if self.client:
                doors.connections.pop(self.client, None)
            super().connection_lost(exc)

    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    # asyncio sets this only where the protocol number is spelled out; without it every answer waits 40 ms for an ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        doors,
        loop="asyncio",
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="hub", daemon=True)
    thread.start()
    try:
        if not server.ready.wait(10):
            raise RuntimeError("the local GitHub did not start")
        yield listener.getsockname()[1]
    finally:
        if server.ready.is_set():
            server.stop()
        thread.join(10)
        listener.close()
