"""The values everything else speaks in. Standard library only; no input, no output.

Glossary, one word a thing:

destination   a configured CRM account
adapter       the code that speaks one kind of CRM
record        the CRM side of a thing: a contact, a message, a conversation
contact       a person on WhatsApp: a set of aliases, found by any of them
alias         one identifier of a contact within a portfolio: a user id, a ``wa_id``
message       one WhatsApp message, inbound or outbound
conversation  one contact, one number and one local day
number        one of our own WhatsApp numbers
delivery      what a destination holds of one record, and what it should hold
lane          the deliveries of one contact to one destination, in order
lease         the right to carry out a role, held by one process at a time
parked        waiting for a person (shown to people as a dead letter)
review        an ambiguous match that a person decides
adopt         to claim a record that is already in the CRM
sweep         a pass that reads the CRM back
drift         what a sweep finds to differ
key           ours, carried in the CRM and opaque; ``crm_id`` is theirs; ``id`` is local
"""
