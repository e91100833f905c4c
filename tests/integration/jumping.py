"""The command line with the clock that FAULT asks for: ``python -m tests.integration.jumping run ...``."""

from __future__ import annotations

import tests.integration.faulty  # noqa: F401
from orchestrator.cli import main

if __name__ == "__main__":
    main()
