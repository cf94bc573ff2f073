"""Google's test server for its client libraries, with what object_store asks and it lacks.

A script for the Python that has `googleapis-storage-testbench`; the tests of azarr run it. Writing
and reading by the XML API, generations and preconditions are Google's. Listing, deleting and the
headers ETag, Last-Modified and x-goog-generation of the XML API are added here.

It prints its URL, and is ended by a signal.
"""

from __future__ import annotations

import logging
import sys
from email.utils import formatdate
from xml.sax.saxutils import escape

import flask
from testbench import rest_server
from werkzeug import serving

database = rest_server.db
insert_object = database.insert_object


def insert_and_tell(bucket, blob, **conditions):
    insert_object(bucket, blob, **conditions)
    flask.g.generation = blob.metadata.generation


database.insert_object = insert_and_tell


@rest_server.root.route("/<bucket>")
def list_objects(bucket):
    asked = flask.request.args
    items, prefixes = database.list_object(flask.request, bucket, None)
    # A page: what is after a name, and not more than so many.
    size, token = int(asked.get("max-keys", 1000)), asked.get("continuation-token", "")
    found = [(item.name, item) for item in items] + [(name, None) for name in prefixes]
    found = sorted((each for each in found if each[0] > token), key=lambda each: each[0])
    page, more = found[:size], len(found) > size
    lines = ["<ListBucketResult>", f"<IsTruncated>{str(more).lower()}</IsTruncated>"]
    if more:
        lines.append(f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>")
    for name, item in page:
        if item is None:
            lines.append(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>")
        else:
            lines.append(
                f"<Contents><Key>{escape(name)}</Key><Size>{item.size}</Size>"
                f"<LastModified>{item.update_time.ToJsonString()}</LastModified>"
                f"<ETag>{item.generation}</ETag></Contents>"
            )
    return flask.Response("".join([*lines, "</ListBucketResult>"]), content_type="application/xml")


@rest_server.root.route("/<bucket>/<path:name>", methods=["DELETE"])
def delete_object(bucket, name):
    database.delete_object(bucket, name)
    return "", 204


@rest_server.root.after_request
def add_headers(response):
    generation = flask.g.get("generation") or response.headers.get("x-goog-generation")
    if generation and response.status_code < 300:
        response.headers["x-goog-generation"] = generation
        response.headers["ETag"] = f'"{generation}"'
        response.headers["Last-Modified"] = formatdate(usegmt=True)
    return response


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = serving.make_server("127.0.0.1", 0, rest_server.server, threaded=True)
    sys.stdout.write(f"http://127.0.0.1:{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()


main()
