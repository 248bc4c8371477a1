"""`python -m medtutor`, which is also what torchrun starts."""

import sys

from .cli import main

sys.exit(main())
