"""Delivery: what is wanted becomes what the CRM holds, once.

One worker for each destination, under that destination's lease::

    claim -> verify what is in doubt -> contacts -> messages -> rest
             (look up)                  each: render -> compare -> begin -> send -> settle

Three short transactions, none open during a network call. ``begin`` writes down the intent, a gate
at the first byte stops an intent that has grown stale, and what a dead process left in flight is
looked up before it is written again. A failure has an addressee: the record is parked, the lane
backs off, or the destination is gated or paused; an outage is never a failure of records.
"""
