"""An S3-like server on loopback that is slow, or fails, as it is told, and counts what it is asked.

It is the measuring tool of everything that has to do with high latency: tests start it with delays
of milliseconds, benchmarks with 50 ms. It checks no signature. `python -m benchmarks.s3_server
--help`.

`_objects` is what S3 answers, `_conditions` what goes wrong on the way, `_log` what was asked,
`_http` the protocol, `_run` a server in a thread or in a process of its own.
"""

from benchmarks.s3_server._conditions import Conditions
from benchmarks.s3_server._run import RemoteServer, S3Server, in_process

__all__ = ["Conditions", "RemoteServer", "S3Server", "in_process"]
