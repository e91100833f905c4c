"""Celery's command line for this application: ``python -P -m tasks worker``.

Unlike ``celery -A tasks.app``, it does not put the working directory on the module path.
"""

from __future__ import annotations

import sys
from importlib import import_module

from tasks.app import app

if __name__ == "__main__":
    # Celery would import these with the working directory first on the path.
    for module in app.conf.include:
        import_module(module)
    app.start(sys.argv[1:])
