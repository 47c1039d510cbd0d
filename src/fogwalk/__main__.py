"""`python -m fogwalk` is the command `fogwalk`."""

import sys

from fogwalk.cli import main

if __name__ == "__main__":
    sys.exit(main())
