"""The clocks of this machine, the broker, the store and the workers.

Signs of life, the state of a run and the events in Flower hold times of several machines.
"""

from __future__ import annotations

from orchestrator.doctor.finding import Finding, failed, ok

MOST = 5.0  # seconds


def check_clocks(ahead: dict[str, float | None]) -> list[Finding]:
    """How far each of the clocks is ahead of this machine's, where it is known."""
    known = {name: seconds for name, seconds in ahead.items() if seconds is not None}
    wrong = {name: seconds for name, seconds in known.items() if abs(seconds) > MOST}
    if wrong:
        detail = ", ".join(
            f"that of {name} is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} this machine's"
            for name, seconds in wrong.items()
        )
        return [failed("clocks", detail, "set them by NTP, with chrony or systemd-timesyncd, say")]
    return [ok("clocks", f"this machine's agrees with {', '.join(known)}")] if known else []
