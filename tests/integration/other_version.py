"""A worker's app with another version of TensorFlow, as far as it says of itself."""

from __future__ import annotations

import core.runtime.fingerprint

core.runtime.fingerprint.PACKAGES = ("tensorflow", "keras", "numpy", "scikit-image", "no-such-package")  # type: ignore[assignment]

from tasks.app import app  # noqa: E402

__all__ = ["app"]  # Celery looks for it
