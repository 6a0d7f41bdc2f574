"""What admins write: ``config.toml``, checked as a whole before anything starts.

``load`` reads a file into the frozen classes of ``models`` or raises ``ConfigError`` with every
problem it has. A value's own form is checked where its type is defined (``units``, ``addresses``,
``paths``, ``secret``), what tables must agree on in ``load``; ``problems`` puts all of it in an
admin's words, and ``lines`` finds the line.
"""
