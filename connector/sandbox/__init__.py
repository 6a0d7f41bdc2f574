"""A CRM and a WhatsApp to try things on, and to judge the connector by.

The sandbox is the oracle of tests and of the demo, so nothing here imports the connector's own
delivery, mapping or adapters: it must be able to say that the connector is wrong. It behaves as
the vendors' documentation says, strictly: what the documentation only advises is refused here.

hubspot       a HubSpot on the dated API, kept in SQLite, with quotas, merges and index lag
pipedrive     a Pipedrive company, v2 and v1, with token costs, nothing unique, and merges
graph         the part of Meta's Graph API that says whether an integration is right
control       the side door that both have: calls, knobs, harm, tokens
sanitise      HTML as a CRM keeps and shows it
faults, wire  the harm that can be ordered between a client and any sandbox CRM
call_log      what was asked of it, for counts and rates
server        runs an app on loopback, in this process or as ``python -m connector.sandbox``
envelopes     webhook bodies as Meta writes them, and their signature
conversations the sample texts
traffic       a day of sample traffic, with what must be true afterwards
burst         traffic in bulk, likewise
sender        posts webhooks as Meta would, until each is acknowledged
comparison    what the CRM holds against what was sent
"""
