"""python -m dpc"""

import sys

from dpc.cli.main import main

sys.exit(main())
