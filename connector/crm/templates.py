"""For an adapter whose requests are templates in a mapping file: the language of mappings.

``read_template`` checks a template against the names of a ``Vocabulary``; a ``Sandbox`` runs it.
"""

from connector.template.filters import is_nothing, iso
from connector.template.names import Names, Vocabulary
from connector.template.reading import Fault, Template, is_template, read_template
from connector.template.sandbox import FAILURES, Bound, Roots, Sandbox, spell_text

__all__ = [
    "FAILURES",
    "Bound",
    "Fault",
    "Names",
    "Roots",
    "Sandbox",
    "Template",
    "Vocabulary",
    "is_nothing",
    "is_template",
    "iso",
    "read_template",
    "spell_text",
]
