"""The core coroutines of one array: read, write, append, resize, count, explain.

They carry out a plan: chunks, shards and their codecs are known here, documents by `hierarchy`.
"""
