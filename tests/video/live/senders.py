"""Senders of streams on this machine: sockets, named pipes, programs with a pipe."""

import os
import re
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress

SILENT = object()
"""Instead of bytes: keep the connection open and say nothing."""


@contextmanager
def tcp_sender(*connections, abort=False):
    """Answer each connection in turn with bytes and hang up; then refuse further ones."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve():
        for content in connections:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                if content is SILENT:
                    over.wait(10)
                    return
                _send(client, content, says_goodbye=not abort)
                if abort:  # the other side sees "connection reset"
                    time.sleep(0.2)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
    finally:
        over.set()
        server.close()
        thread.join(5)


@contextmanager
def http_sender(content, status="200 OK", most=None):
    """Answer every request, for a part of the content too; hang up after so many bytes at most."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                asked = re.search(rb"Range: bytes=(\d+)-", client.recv(65536))
                start = int(asked[1]) if asked else 0
                head = f"HTTP/1.1 {'206 Partial Content' if start else status}\r\n"
                head += f"Content-Length: {len(content) - start}\r\nAccept-Ranges: bytes\r\n"
                head += f"Content-Range: bytes {start}-{len(content) - 1}/{len(content)}\r\n\r\n"
                _send(client, head.encode() + content[start:][:most])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/video"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


@contextmanager
def named_pipe(path, content):
    """A named pipe into which bytes are written once."""
    os.mkfifo(path)
    thread = threading.Thread(target=_write, args=(path, content), daemon=True)
    thread.start()
    yield path
    thread.join(5)


def _write(path, content):
    with suppress(BrokenPipeError):  # the reader has seen enough
        path.write_bytes(content)


def _send(client, content, says_goodbye=True):
    with suppress(OSError):  # the receiver has seen enough
        client.sendall(content)
        if says_goodbye:
            client.shutdown(socket.SHUT_WR)
