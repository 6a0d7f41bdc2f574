"""Reconciliation: what a CRM holds is read back, told apart from what it should hold, and mended.

A sweep looks first and changes nothing: pages of what the CRM says changed, then our own records by
their ids. Only when all is known and the brake allows it, records are marked to be written again;
delivery writes them, and the sweep reads them once more. The same machinery carries out a resync,
and both run in slices, from a place kept in the ledger, in time that live traffic leaves over.

account    what this stage needs of a destination     findings   what differs, and where a sweep is
drift      one record against what was written        brake      when to stop instead
looking    list and read back                         mending    mark, relink, heal, confirm
sweep      both, as one run                           resync     what a mapping makes of records now
errands    runs, carried out one after the other      courtesy   when a call may be made
retention  what is too old to be kept
"""
