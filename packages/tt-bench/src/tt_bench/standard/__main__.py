"""`python -m tt_bench.standard`: the standard suite from the command line."""

import sys

from .command import main

if __name__ == "__main__":
    sys.exit(main())
