"""Templates that an admin writes, read and run: the core under mappings and REST requests.

``names`` is what may be named, ``reading`` checks a template against it before anything runs,
``sandbox`` runs what is left with nothing in reach but ``filters``. Whoever owns a kind of template
brings its vocabulary; the rules of the language are here, once.
"""
