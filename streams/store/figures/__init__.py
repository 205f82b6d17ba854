"""Every figure that people see, one function each, with all the SQL behind it.

A figure takes a store and a `Scope`, reads merged rows (`FINAL`), and never writes.
"""
