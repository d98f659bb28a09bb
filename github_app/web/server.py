"""The web process as a thread on a socket of ours, so that whoever runs it decides about signals and how it ends."""

import contextlib
import socket
import threading
import time
from collections.abc import Generator

import uvicorn
from starlette.applications import Starlette

from github_app.errors import NotConfiguredError

START_SECONDS = 20
GRACE_SECONDS = 3


@contextlib.contextmanager
def listening(host: str, port: int, *, hint: str) -> Generator[socket.socket]:
    """Listen on an address; port 0 takes a free one. Raises NotConfiguredError when it cannot be had."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        raise NotConfiguredError(f"{host} port {port} cannot be listened on: {error.strerror}.", hint=hint) from error
    with listener:
        # asyncio sets this only where the protocol number is spelled out; without it every answer waits for an ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


@contextlib.contextmanager
def serving(site: Starlette, listener: socket.socket) -> Generator[threading.Thread]:
    """Serve until the block ends; yields the thread. Requests under way then have `GRACE_SECONDS`."""
    config = uvicorn.Config(
        site,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="remit-web", daemon=True)
    thread.start()
    until = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > until:
            raise NotConfiguredError("The web process did not start.", hint="see the log")
        time.sleep(0.005)
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join(2 * GRACE_SECONDS)


def address_of(listener: socket.socket) -> str:
    """Return the URL of the root."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
