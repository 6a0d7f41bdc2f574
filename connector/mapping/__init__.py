"""How a mapping file makes CRM records out of contacts, messages and conversations.

Everything here is pure but the reading of files. The way of a value::

    load ──▶ tables ──▶ template           what the file says, checked against the vocabulary
                           │ sandbox       compiled, for text or for HTML (``connector.template``)
                           ▼
    Contact ──▶ view ──▶ section ──▶ Rendered     computed only as far as a template asks

Four rules hold throughout:

* A template sees only the names of ``vocabulary``, and a person's words are data: never read as a
  template, never a tag, masked on their way into the view.
* A value that renders to nothing is left out, so that what WhatsApp does not tell clears nothing.
* The content hash covers what is sent but for create-only fields; an unchanged record costs no
  call.
* Mistakes are found at load time or by ``validate_mapping``; ``RenderError`` is the rest.

``load_mapping`` and ``Renderer`` are what other packages begin with.
"""
