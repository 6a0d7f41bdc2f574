"""``python -m connector``: the command line without an installed script."""

import sys

from connector.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
