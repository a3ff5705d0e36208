"""`python -m neuface_engine ...` is `neuface ...`."""

from neuface_engine.cli import main

raise SystemExit(main())
