"""The core coroutines of nodes: open, create, change, list, copy, delete, consolidate.

They know documents and prefixes, and nothing of chunks.
"""
