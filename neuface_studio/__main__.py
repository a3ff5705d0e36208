"""``python -m neuface_studio``."""

import sys

from neuface_studio.app import main

if __name__ == "__main__":
    sys.exit(main())
