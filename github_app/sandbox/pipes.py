"""What flows through the guard: the brief into the program, its output into files, lines of JSON both ways."""

import json
import os
import time
from typing import Any

_CHUNK = 65536


class Lines:
    """Splits what arrives on a pipe into messages, one JSON document a line."""

    def __init__(self, begun: bytes = b"") -> None:
        self._partial = bytearray(begun)

    def feed(self, chunk: bytes) -> list[Any]:
        """Take a chunk and return the messages that are complete."""
        self._partial += chunk
        *whole, rest = self._partial.split(b"\n")
        self._partial = bytearray(rest)
        return [json.loads(line) for line in whole if line.strip()]


def read_line(descriptor: int) -> tuple[bytes, bytes]:
    """Read the first line of a pipe; return it and what came behind it. Raises EOFError when the pipe ends first."""
    text = bytearray()
    while b"\n" not in text:
        chunk = os.read(descriptor, 1 << 20)
        if not chunk:
            raise EOFError("the pipe ended before its first line did")
        text += chunk
    line, _, rest = text.partition(b"\n")
    return bytes(line), bytes(rest)


class Feed:
    """The program's standard input, written as far as the program reads it."""

    def __init__(self, descriptor: int, text: bytes) -> None:
        self.descriptor = descriptor
        self._rest = memoryview(text)
        os.set_blocking(descriptor, False)

    def pour(self) -> bool:
        """Write what fits; say whether anything is left to write. A program that does not read its input may."""
        try:
            self._rest = self._rest[os.write(self.descriptor, self._rest[:_CHUNK]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return bool(self._rest)

    def close(self) -> None:
        """Tell the program that its input ends."""
        os.close(self.descriptor)


class Spill:
    """The program's output on its way into files, cut at a number of bytes counted together."""

    def __init__(self, targets: dict[int, int], limit: int) -> None:
        self._targets = targets
        self._left = limit
        self.overflowed = False
        self.last = time.monotonic()

    def move(self, source: int) -> bool:
        """Move what is there; say whether the source may still bring more."""
        try:
            chunk = os.read(source, _CHUNK)
        except BlockingIOError:
            return True
        if not chunk:
            return False
        self.last = time.monotonic()
        self.overflowed = self.overflowed or len(chunk) > self._left
        kept = memoryview(chunk)[: self._left]
        self._left -= len(kept)
        while kept:
            kept = kept[os.write(self._targets[source], kept) :]
        return True

    def drain(self) -> None:
        """Move everything that was printed before the end; only when nobody can print any more."""
        for source in self._targets:
            while self.move(source):
                pass
