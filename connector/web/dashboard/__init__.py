"""The dashboard: what an operator looks at, and the few things that can be changed from there.

Pages are made on the server and need no script. Nobody has a session: reading needs the admin
token where one is set, changing needs besides it a form that this process made, sent by the page
it stands on. Names, phones and texts are on the pages of one contact and one message only, since
that is what those are for; everywhere else people are called by our keys.
"""
