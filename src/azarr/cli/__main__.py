"""`python -m azarr.cli` is `azarr`."""

from azarr.cli import main

raise SystemExit(main())
