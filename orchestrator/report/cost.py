"""The cost of an attack to come, in words."""

from __future__ import annotations

from core.attacks.base import Passes

_UNITS = (("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


def cpu_seconds(passes: Passes, images: int, forward_seconds: float, gradient_seconds: float) -> float:
    """The CPU time of an attack.

    Args:
        passes: of an image.
        images: number of images.
        forward_seconds, gradient_seconds: of a forward pass of an image, and of a forward and a backward pass.
    """
    backward_seconds = max(0.0, gradient_seconds - forward_seconds)
    return images * (passes.forward * forward_seconds + passes.backward * backward_seconds)


def cost_text(passes: Passes | None, images: int, seconds: tuple[float, float], workers: int | None) -> str:
    """The cost of attacking some images as a sentence without a full stop.

    Args:
        passes: of an image at most; None if unknown.
        images: number of images.
        seconds: CPU time of a forward pass of an image, and of a forward and a backward pass.
        workers: number of workers that share it; None if unknown.

    Example:
        >>> cost_text(Passes(30, 10), 1000, (0.03, 0.1), 4)
        '30 forward and 10 backward passes an image at most: 27 min of CPU time, 6.7 min on 4 workers'
    """
    forward, gradient = (f"{1000 * each:.2g} ms" for each in seconds)
    if passes is None:
        known = f"a forward pass of an image takes {forward} of CPU time, one with its gradient {gradient}"
        return f"{known}; the attack does not say how many it takes"
    total = cpu_seconds(passes, images, *seconds)
    shared = f", {duration(total / workers)} on {workers} workers" if workers and workers > 1 else ""
    count = f"{passes.forward} forward and {passes.backward} backward passes an image at most"
    return f"{count}: {duration(total)} of CPU time{shared}"


def duration(seconds: float) -> str:
    """A duration in its largest unit.

    Example:
        >>> duration(5400), duration(59), duration(0.2)
        ('1.5 h', '59 s', 'under 1 s')
    """
    for unit, size in _UNITS:
        if seconds >= size:
            found = seconds / size
            return f"{found:.0f} {unit}" if found >= 10 else f"{found:.2g} {unit}"
    return "under 1 s"
