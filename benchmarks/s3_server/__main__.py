"""`python -m benchmarks.s3_server`: print the endpoint and serve until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import fields

from benchmarks.s3_server._conditions import Conditions
from benchmarks.s3_server._http import Service
from benchmarks.s3_server._run import serve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--until-eof", action="store_true", help="end with standard input")
    for each in fields(Conditions):
        if each.name != "methods":
            kind = int if each.name in ("throttle_above", "retry_after", "error_status") else float
            flag = "--" + each.name.replace("_", "-")
            parser.add_argument(flag, type=kind, default=each.default)
    options = vars(parser.parse_args())
    port, until_eof = options.pop("port"), options.pop("until_eof")
    try:
        _run(_serve(Service(Conditions(**options)), port, until_eof))
    except KeyboardInterrupt:
        return


def _run(main: object) -> None:
    try:
        import uvloop as loops  # half the time per request
    except ImportError:
        loops = asyncio
    loops.run(main)


async def _serve(service: Service, port: int, until_eof: bool) -> None:
    server = await serve(service, port)
    print("http://{}:{}".format(*server.sockets[0].getsockname()[:2]), flush=True)
    if until_eof:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    else:
        await server.serve_forever()
    server.close()
    for connection in list(service.connections):
        connection.transport.abort()


if __name__ == "__main__":
    main()
