"""``python -m notebook_package`` is the command line."""

import sys

from notebook_package.cli import main

sys.exit(main())
