"""``python -m orchestrator``."""

import atexit
import gc

from orchestrator.cli import main

if __name__ == "__main__":
    # Python's own end looks through everything for garbage: 0.1 s.
    atexit.register(gc.freeze)
    main()
