"""The command line: parses what was typed, calls ``connector.runtime`` and prints the answer.

``main.py`` holds the list of commands and imports none of them, so that ``connector --help`` is
instant; each command's module is imported when it is called. Answers go to stdout, as words or,
with ``--json``, as one object; errors, logs and progress to stderr.
"""
