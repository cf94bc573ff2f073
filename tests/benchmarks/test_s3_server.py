"""The server that stands for S3 stops without leaving anything open."""

from __future__ import annotations

import gc
import socket
import sys
from typing import Any

import pytest

from benchmarks.s3_server import S3Server


def test_what_is_being_accepted_when_the_server_stops_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    for _ in range(20):
        with S3Server() as server:
            host, port = server.url.removeprefix("http://").split(":")
            clients = [socket.socket() for _ in range(5)]
            for client in clients:
                client.setblocking(False)
                client.connect_ex((host, int(port)))
        for client in clients:
            client.close()
        gc.collect()
    assert not unraisable
