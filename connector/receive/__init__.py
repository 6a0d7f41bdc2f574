"""Receiving: prove who speaks, store the bytes, answer 200 after the commit; parse nothing.

A request goes through ``listener`` (everything about time and connections), ``app`` (everything
about content) and ``group_commit`` (everything about the ledger); ``signature`` decides alone.
"""
