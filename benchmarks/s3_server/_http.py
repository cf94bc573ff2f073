"""HTTP/1.1 for the server: one protocol object per connection, one request at a time in each.

A plain `asyncio.Protocol`: it has to be faster than the clients that it measures.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from http import HTTPStatus
from random import Random
from typing import Any

from benchmarks.s3_server._conditions import Conditions
from benchmarks.s3_server._log import Log
from benchmarks.s3_server._objects import Answer, Objects, Request, error

CONTROL = "/-/"
"""No bucket is called "-": what is under it is about the server itself, and is not counted."""


class Service:
    """What all connections share."""

    def __init__(self, conditions: Conditions, seed: int = 0) -> None:
        self.conditions = conditions
        self.objects = Objects()
        self.log = Log()
        self.random = Random(seed)
        self.connections: set[Connection] = set()

    def control(self, request: Request) -> Answer:
        """Requests about the server: its log, its conditions."""
        match request.method, request.target.removeprefix(CONTROL):
            case "GET", "log":
                found: Any = self.log.as_json()
            case "POST", "clear":
                self.log.clear()
                found = {}
            case "PUT", "conditions":
                given = json.loads(request.body)
                methods = given.pop("methods", None)
                self.conditions = Conditions(
                    **given, methods=None if methods is None else frozenset(methods)
                )
                found = {}
            case "PUT", "copy":
                given = json.loads(request.body)
                self.objects.copy(given["source"], given["bucket"])
                found = {}
            case "GET", "conditions":
                found = asdict(self.conditions)
            case _:
                return Answer(404)
        return Answer(200, json.dumps(found, default=sorted).encode())


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.transport: Any = None
        self.buffer = bytearray()
        self.head: tuple[str, str, dict[str, str]] | None = None
        self.round_trip = 0  # of the request that is being answered; 0: none is

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.service.log.connections += 1
        self.service.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.service.connections.discard(self)
        self._end()
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.round_trip:
            self._next()

    def _next(self) -> None:
        """Begin the next request, if all of it has arrived."""
        buffer = self.buffer
        if self.head is None:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.head = _parsed(bytes(buffer[:end]))
            del buffer[: end + 4]
            if self.head[2].get("expect") == "100-continue":
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        method, target, headers = self.head
        length = int(headers.get("content-length", "0"))
        if len(buffer) < length:
            return
        body = bytes(buffer[:length])
        del buffer[:length]
        self.head = None
        self._begin(Request(method, target, headers, _plain(headers, body)))

    def _begin(self, request: Request) -> None:
        service = self.service
        if request.target.startswith(CONTROL):
            self._send(request, service.control(request))
            return
        log, conditions, random = service.log, service.conditions, service.random
        self.round_trip = log.begin(request.kind)
        log.received += len(request.body)
        fault = conditions.fault(random, request.method, log.in_flight)
        answer = self._done(request, fault)
        nbytes = max(len(request.body), len(answer.body))
        delay = 0.0 if fault == "throttle" else conditions.delay(random, nbytes)
        if delay:
            asyncio.get_running_loop().call_later(delay, self._finish, request, answer, fault)
        else:
            self._finish(request, answer, fault)

    def _done(self, request: Request, fault: str | None) -> Answer:
        service = self.service
        conditions = service.conditions
        if fault is not None:
            service.log.counts[f"fault {fault}"] += 1
        if fault == "throttle":
            return error(503, "SlowDown", conditions.retry_after)
        if fault == "error":
            return error(conditions.error_status, "InternalError", conditions.retry_after)
        if fault == "reset":
            return Answer(500)
        return service.objects.answer(request)

    def _finish(self, request: Request, answer: Answer, fault: str | None) -> None:
        if self.transport is None:
            return
        if fault in ("reset", "lost"):
            self.transport.abort()
            return
        self._end()  # before the answer is out: its reader may look into the log
        self._send(request, answer, fault == "truncate" and len(answer.body) > 1)
        if self.buffer:
            self._next()

    def _send(self, request: Request, answer: Answer, truncated: bool = False) -> None:
        body = answer.body
        length = len(body) if answer.length is None else answer.length
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        lines.append(f"Content-Length: {length}\r\n\r\n")
        head = "\r\n".join(lines).encode("latin-1")
        if request.method == "HEAD":
            body = b""
        if truncated:
            self.transport.write(head + body[: len(body) // 2])
            self.transport.close()
            return
        self.service.log.sent += len(body)
        self.transport.write(head + body)

    def _end(self) -> None:
        if self.round_trip:
            self.service.log.end(self.round_trip)
            self.round_trip = 0


def _parsed(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return method, target, headers


def _plain(headers: dict[str, str], body: bytes) -> bytes:
    """A body without the chunks and the trailing checksum that AWS clients may put around it."""
    if "aws-chunked" not in headers.get("content-encoding", ""):
        return body
    parts, at = [], 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
