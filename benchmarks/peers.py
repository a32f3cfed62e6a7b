"""TinyTorch side by side with its peers: `nox -s peers`, or this file where torch is installed."""

import sys
from pathlib import Path

from tt_bench.peers import main

if __name__ == "__main__":
    sys.exit(main(["--json", str(Path(__file__).with_suffix(".json")), *sys.argv[1:]]))
