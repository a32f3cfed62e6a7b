"""python -m tt_optimize.report"""

import sys

from .command import main

sys.exit(main())
