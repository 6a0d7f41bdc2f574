"""Harm as a rule: real processes killed and paused under load, and what the CRM then holds.

kinds     the CRMs that are harmed, by how a doubtful write to them is made good
hosts     one process of the connector, started, killed, paused and continued
pace      keeps sender and harm in step
campaign  one run: one CRM, one database, one seed
report    what was injected, what was lost, doubled or out of order, and how sure that is
races     first contacts at two receivers at once
run       ``make faults``

For the state machine of the tests, all within one process:

said            what people say on WhatsApp
memory          a CRM, and a clock to turn
memory_adapter  its adapter, whose calls go wrong as they are told
process         a worker, its destination and its lease
world           ledger, recorder and workers, moved step by step
truth           what must hold
"""
