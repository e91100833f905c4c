"""``python -m orchestrator``: the same command as ``advshard``."""

import sys
from pathlib import Path

# The interpreter puts the working directory first on the module path, where a file tasks.py or redis.py of the
# user's own would shadow a module. Only a clone of this project is left there.
_ROOT = Path(__file__).resolve().parent.parent
if not sys.flags.safe_path and sys.path and Path(sys.path[0]).resolve() != _ROOT:
    del sys.path[0]

from orchestrator.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
