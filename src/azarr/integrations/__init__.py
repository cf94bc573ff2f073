"""Other libraries: a module for each, imported by whoever uses it.

What lives here is built on the public interface, and may need what azarr itself does not.
"""
