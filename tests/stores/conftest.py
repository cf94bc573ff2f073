"""Stores and servers as the subject of tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from azarr.stores import FsspecStore, LocalStore, ObstoreStore
from benchmarks.s3_server import S3Server

_buckets = count()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """A local store whose directory does not exist yet."""
    return LocalStore(tmp_path / "root")


@pytest.fixture
def left_behind(store: LocalStore) -> Callable[[], list[str]]:
    """Asks for the temporary and lock files that there are."""
    return lambda: sorted(str(path) for path in Path(store.root).rglob(".azarr-*"))


@pytest.fixture(params=[ObstoreStore, FsspecStore])
def kind(request: pytest.FixtureRequest) -> Any:
    """The class of a store that asks a bucket."""
    return request.param


@pytest.fixture
def s3_server() -> Iterator[S3Server]:
    """An S3-like server in a thread, without delays."""
    with S3Server() as server:
        yield server


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """The endpoint of moto's S3 server, in a process of its own that ends with its input."""
    pytest.importorskip("moto.server")
    script = """if True:
        import sys
        from moto.server import ThreadedMotoServer
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        print("http://{}:{}".format(*server.get_host_and_port()), flush=True)
        sys.stdin.read()
        server.stop()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


@pytest.fixture
def moto_bucket(moto_url: str) -> str:
    """The name of a new bucket of moto's server."""
    name = f"bucket-{next(_buckets)}"
    with urlopen(Request(f"{moto_url}/{name}", method="PUT"), timeout=10):
        return name


@pytest.fixture(autouse=True)
def _aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine: neither its environment nor its files."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull + "-none")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull + "-none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
