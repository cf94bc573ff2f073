"""How to ask a file system of fsspec: any blocking one, any asynchronous one, s3fs, and HTTP.

s3fs and HTTP are asked below the level of files: s3fs asks for the size before it reads a whole
file, and takes what was cut off by a server without ranges for the range.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias
from urllib.parse import quote

from azarr.errors import StoreError, UsageError
from azarr.stores._directory import generation_of
from azarr.stores._failures import FORBIDDEN, TRANSIENT
from azarr.stores._fsspec_systems import FileSystem, shared_file_system
from azarr.stores._remote import (
    BULK_DELETES_AT_ONCE,
    DELETES_AT_ONCE,
    Part,
    Requests,
    for_each,
)
from azarr.stores._remote_failures import (
    NO_CREDENTIALS,
    Failure,
    check_deleted,
    failure_of_status,
    failure_of_text,
)
from azarr.stores._values import cut_ranges
from azarr.typing import Buffer, Generation

Keys: TypeAlias = list[str]

BATCH = 1000
"""The most keys of one bulk delete of S3."""

WRITE = "azarr-write"
"""Metadata of an object of S3 that was written on condition: names the write."""

# Names, so that no client library has to be imported to tell its errors.
_LOST = frozenset(
    """
    ConnectionError TimeoutError FSTimeoutError ClientConnectionError ClientPayloadError
    HTTPClientError IncompleteRead IncompleteReadError ResponseStreamingError
    """.split()
)


def requests_of(file_system: FileSystem, protocol: str, root: str) -> Requests:
    """How to ask for keys below `root` of a file system."""
    kinds = {"s3": S3Requests, "s3a": S3Requests, "http": HttpRequests, "https": HttpRequests}
    return kinds.get(protocol, FileRequests)(file_system, root)


def native_requests(url: str, options: Mapping[str, Any]) -> Requests:
    """How to ask for keys below a URL of s3fs or HTTP."""
    import fsspec

    protocol = url.partition("://")[0].lower()
    kind = fsspec.get_filesystem_class(protocol)
    root = kind._strip_protocol(url).rstrip("/")
    return requests_of(shared_file_system(kind, (), options, True), protocol, root)


class FileRequests:
    """Any file system. The methods of a blocking one are called in the thread that asks."""

    deletes_at_once = 1

    def __init__(self, file_system: FileSystem, root: str) -> None:
        self._file_system = file_system
        self._root = root

    def file_system_for_blocking_calls(self) -> Any:
        """The file system of this process."""
        return self._file_system.of_process()

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if self._root else key

    def _keys(self, paths: Iterable[str]) -> Keys:
        """The keys of those paths that are below the root."""
        root = self._root.strip("/")
        start = root + "/" if root else ""
        inner = (path.strip("/") for path in paths)
        return [path[len(start) :] for path in inner if path.startswith(start) and path != root]

    async def _ask(self, name: str, *arguments: Any, **options: Any) -> Any:
        fs = await self._file_system.current()
        if fs.async_impl:
            return await getattr(fs, "_" + name)(*arguments, **options)
        return getattr(fs, name)(*arguments, **options)

    async def get(self, key: str) -> Buffer:
        found: Buffer = await self._ask("cat_file", self._path(key))
        return found

    async def get_part(
        self, key: str, start: int, stop: int | None, generation: Generation | None
    ) -> Part:
        if _is_local(await self._file_system.current()):
            return _local_part(self._path(key), start, stop)
        return Part(await self._ask("cat_file", self._path(key), start=start, end=stop))

    async def put(self, key: str, value: Buffer) -> None:
        fs = await self._file_system.current()
        path, data = self._path(key), bytes(value)
        if _is_local(fs):
            _put_local(fs, path, data)
        else:
            await self._ask("pipe_file", path, data)

    async def put_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        raise UsageError("files have no generations")

    async def delete(self, keys: Keys) -> None:
        fs = await self._file_system.current()
        if not fs.async_impl:
            for key in keys:
                await self._delete_one(key)
            return
        await for_each(self._delete_one, keys, DELETES_AT_ONCE)

    async def _delete_one(self, key: str) -> None:
        try:
            await self._ask("rm_file", self._path(key))
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, KeyError):
            return

    async def remove_folders(self, prefix: str) -> None:
        """Blocking file systems keep them. They would be listed, and in N5 each is a group."""
        fs = await self._file_system.current()
        if fs.async_impl or not prefix:
            return
        path = self._path(prefix)
        found = fs.find(path, withdirs=True, detail=True)
        folders = [name for name, each in found.items() if each["type"] == "directory"]
        for folder in sorted({path, *folders}, key=len, reverse=True):
            with suppress(OSError):  # others have stored something in it meanwhile
                fs.rmdir(folder)

    async def pages(self, prefix: str) -> AsyncIterator[Iterable[str]]:
        path = self._path(prefix) if prefix else self._root
        start = f"{prefix}/" if prefix else ""
        fs = await self._file_system.current()
        fs.invalidate_cache()
        keys = self._keys(await self._ask("find", path))
        yield [key for key in keys if key.startswith(start) and not _is_temporary(key)]

    async def children(self, prefix: str) -> tuple[Iterable[str], Iterable[str]]:
        path = self._path(prefix) if prefix else self._root
        fs = await self._file_system.current()
        fs.invalidate_cache()
        found = await self._ask("ls", path, detail=True)
        files = [each["name"] for each in found if each["type"] == "file"]
        folders = [each["name"] for each in found if each["type"] == "directory"]
        start = f"{prefix}/" if prefix else ""
        keys = [key for key in self._keys(files) if not _is_temporary(key)]
        return (
            [key for key in keys if key.startswith(start)],
            [key for key in self._keys(folders) if key.startswith(start)],
        )

    async def head(self, key: str) -> tuple[int, Generation | None]:
        fs = await self._file_system.current()
        if _is_local(fs):
            status = os.stat(self._path(key))
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(key)
            return status.st_size, generation_of(status)
        fs.invalidate_cache()
        found = await self._ask("info", self._path(key))
        if found["type"] == "directory":
            raise FileNotFoundError(key)
        if found["size"] is None:
            return len(await self.get(key)), None
        return found["size"], None

    def explain(self, error: Exception) -> Failure:
        return explain(error)


def explain(error: Exception) -> Failure:
    """What an error of fsspec, botocore, aiohttp or the operating system means."""
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError | KeyError):
        return Failure("missing", "not found")
    answer = getattr(error, "response", None)
    if isinstance(answer, dict) and "ResponseMetadata" in answer:  # botocore's ClientError
        status = answer["ResponseMetadata"].get("HTTPStatusCode") or 500
        code = str(answer.get("Error", {}).get("Code", ""))
        wish = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("retry-after")
        return failure_of_status(status, "" if code.isdigit() else code, wish)
    # aiohttp's ClientResponseError, and azure.core's HttpResponseError.
    status = getattr(error, "status", None) or getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 400:
        wish = (getattr(error, "headers", None) or {}).get("Retry-After")
        return failure_of_status(status, retry_after=wish)
    number = getattr(error, "errno", None)
    if isinstance(error, PermissionError) or number in FORBIDDEN:
        return Failure("forbidden", "permission denied")
    names = {each.__name__ for each in type(error).__mro__}
    lost = bool(names & _LOST) or (isinstance(error, OSError) and number in TRANSIENT)
    if isinstance(error, ValueError) and "Content-Range" in str(error):
        return Failure("range", "not known to Azure")  # it cannot count from the end
    if "NoCredentialsError" in names:
        return Failure("other", NO_CREDENTIALS)
    return failure_of_text(f"{type(error).__name__}: {error}", transient=lost)


def _is_local(fs: Any) -> bool:
    protocol = fs.protocol
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)


def _local_part(path: str, start: int, stop: int | None) -> Part:
    """Some bytes of a file, and of which one: ranges of a value are not to be of several files."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        file.seek(start if start >= 0 else max(0, status.st_size + start))
        return Part(file.read(-1 if stop is None else stop - start), generation_of(status))


def _put_local(fs: Any, path: str, data: bytes) -> None:
    """Write beside the file and rename: a reader sees the old value or the new one."""
    import uuid

    folder = path.rpartition("/")[0]
    temporary = f"{folder}/.azarr-{uuid.uuid4().hex}"
    try:
        try:
            fs.pipe_file(temporary, data)
        except FileNotFoundError:
            fs.makedirs(folder, exist_ok=True)
            fs.pipe_file(temporary, data)
        os.replace(temporary, path)
    except BaseException:
        if fs.exists(temporary):
            fs.rm_file(temporary)
        raise


def _is_temporary(key: str) -> bool:
    return key.rpartition("/")[2].startswith(".azarr-")


class S3Requests(FileRequests):
    """s3fs, asked by the calls of its client: one request each."""

    deletes_at_once = BATCH

    def __init__(self, file_system: FileSystem, root: str) -> None:
        super().__init__(file_system, root)
        self._bucket, _, self._prefix = root.partition("/")

    def _name(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key

    async def _call(self, name: str, **wanted: Any) -> Any:
        fs = await self._file_system.current()
        await fs.set_session()
        method = getattr(await fs.get_s3(self._bucket), name)
        arguments = fs._get_s3_method_kwargs(method, Bucket=self._bucket, **fs.req_kw, **wanted)
        # s3fs leaves out what its botocore does not know. A condition must not be lost like that.
        if lost := [each for each in wanted if each.startswith("If") and each not in arguments]:
            raise UsageError(f"this release of botocore does not know {lost[0]} of {name}")
        return await method(**arguments)

    async def get(self, key: str) -> Buffer:
        return (await self.get_part(key, 0, None, None)).data

    async def get_part(
        self, key: str, start: int, stop: int | None, generation: Generation | None
    ) -> Part:
        wanted: dict[str, Any] = {"Key": self._name(key)}
        if start < 0:
            wanted["Range"] = f"bytes={start}"
        elif start or stop is not None:
            wanted["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        if generation is not None:
            wanted["IfMatch"] = generation
        answer = await self._call("get_object", **wanted)
        async with answer["Body"] as body:
            return Part(await body.read(), answer.get("ETag"))

    async def put(self, key: str, value: Buffer) -> None:
        await self._call("put_object", Key=self._name(key), Body=bytes(value))

    async def put_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        from uuid import uuid4

        wanted: dict[str, Any] = {"Key": self._name(key), "Body": bytes(value)}
        wanted |= {"IfNoneMatch": "*"} if generation is None else {"IfMatch": generation}
        # aiohttp sends it again by itself if the connection breaks before the answer. The second
        # one then conflicts with the first, which is known by its name.
        name = uuid4().hex
        try:
            answer = await self._call("put_object", Metadata={WRITE: name}, **wanted)
        except Exception as error:
            conflicts = self.explain(error).kind == "conflict"
            written = await self._written(key, name) if conflicts else None
            if written is None:
                raise
            return written
        return str(answer["ETag"])

    async def _written(self, key: str, name: str) -> Generation | None:
        """The generation of what the write of a name has stored, if it is there."""
        try:
            found = await self._call("head_object", Key=self._name(key))
        except Exception as error:
            if self.explain(error).kind == "missing":
                return None
            raise
        tag: str = found["ETag"]
        return tag if found.get("Metadata", {}).get(WRITE) == name else None

    async def delete(self, keys: Keys) -> None:
        if len(keys) == 1:
            await self._call("delete_object", Key=self._name(keys[0]))
            return
        batches = [keys[at : at + BATCH] for at in range(0, len(keys), BATCH)]
        await for_each(self._delete_batch, batches, BULK_DELETES_AT_ONCE)

    async def _delete_batch(self, keys: Keys) -> None:
        objects = [{"Key": self._name(key)} for key in keys]
        answer = await self._call("delete_objects", Delete={"Objects": objects, "Quiet": True})
        start = self._name("")
        check_deleted(
            (each.get("Key", "").removeprefix(start), each.get("Code", ""), each.get("Message", ""))
            for each in answer.get("Errors", [])
        )

    async def _listed(self, prefix: str, **options: Any) -> AsyncIterator[Any]:
        start = self._name(prefix) if prefix else self._prefix
        more: dict[str, Any] = {"Prefix": start + "/" if start else "", **options}
        while True:
            answer = await self._call("list_objects_v2", **more)
            yield answer
            if not answer.get("IsTruncated"):
                return
            more["ContinuationToken"] = answer["NextContinuationToken"]

    def _inner(self, names: Iterable[str]) -> Keys:
        skip = len(self._prefix) + 1 if self._prefix else 0
        # A name that ends in "/" stands for an empty folder in some tools. It is no key.
        return [name[skip:] for name in names if not name.endswith("/")]

    async def pages(self, prefix: str) -> AsyncIterator[Iterable[str]]:
        async for answer in self._listed(prefix):
            yield self._inner(each["Key"] for each in answer.get("Contents", []))

    async def children(self, prefix: str) -> tuple[Iterable[str], Iterable[str]]:
        keys: Keys = []
        folders: Keys = []
        async for answer in self._listed(prefix, Delimiter="/"):
            keys += self._inner(each["Key"] for each in answer.get("Contents", []))
            found = answer.get("CommonPrefixes", [])
            folders += self._inner(each["Prefix"][:-1] for each in found)
        return keys, folders

    async def head(self, key: str) -> tuple[int, Generation | None]:
        answer = await self._call("head_object", Key=self._name(key))
        return answer["ContentLength"], answer.get("ETag")

    def explain(self, error: Exception) -> Failure:
        failure = explain(error)
        # S3 says with a status what is missing. A file or a name that Python misses is one of
        # botocore's: a token, a credential process, or an answer that is not S3's.
        if failure.kind == "missing" and not hasattr(error, "response"):
            return failure_of_text(f"{type(error).__name__}: {error}", transient=False)
        return failure


_find_start = re.compile(r"bytes (\d+)-").match


class HttpRequests(FileRequests):
    """HTTP by the session of fsspec's file system; a server need not know ranges."""

    async def _answer(self, method: str, key: str, headers: Mapping[str, str]) -> Any:
        import yarl

        fs = await self._file_system.current()
        session = await fs.set_session()
        options = {**fs.kwargs}
        # What a server compresses on the way has other ranges.
        options["headers"] = {
            "Accept-Encoding": "identity",
            **options.get("headers", {}),
            **headers,
        }
        url = yarl.URL(f"{self._root}/{quote(key)}", encoded=True)
        async with session.request(method, url, allow_redirects=True, **options) as answer:
            answer.raise_for_status()
            return answer, await answer.read()

    async def get(self, key: str) -> Buffer:
        found: bytes = (await self._answer("GET", key, {}))[1]
        return found

    async def get_part(
        self, key: str, start: int, stop: int | None, generation: Generation | None
    ) -> Part:
        text = (
            f"bytes={start}" if start < 0 else f"bytes={start}-{'' if stop is None else stop - 1}"
        )
        answer, data = await self._answer("GET", key, {"Range": text} if start or stop else {})
        if answer.status == 200 and (start or stop is not None):
            data = cut_ranges(data, [(start, stop)], key)[0]
        begins = _find_start(answer.headers.get("Content-Range", ""))
        if answer.status == 206 and start >= 0 and begins and int(begins[1]) != start:
            raise StoreError(f"{key!r}: the server sent bytes from {begins[1]} on, not {start}")
        return Part(data, answer.headers.get("ETag"))

    async def head(self, key: str) -> tuple[int, Generation | None]:
        answer, _ = await self._answer("HEAD", key, {})
        if "Content-Length" not in answer.headers:
            return len(await self.get(key)), None
        return int(answer.headers["Content-Length"]), answer.headers.get("ETag")
