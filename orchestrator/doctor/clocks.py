"""Checks that the clocks of this machine, the broker, the store and the workers agree.

Heartbeats, the state of a run and Flower's events combine times from several machines.
"""

from __future__ import annotations

from orchestrator.doctor.finding import Finding, failed, ok

TOLERANCE = 5.0  # seconds


def check_clocks(ahead: dict[str, float | None]) -> list[Finding]:
    """Check how far clocks are ahead of this machine's.

    Args:
        ahead: seconds by the clock's owner; None if unknown.
    """
    known = {name: seconds for name, seconds in ahead.items() if seconds is not None}
    wrong = {name: seconds for name, seconds in known.items() if abs(seconds) > TOLERANCE}
    if wrong:
        detail = ", ".join(
            f"the clock of {name} is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} this machine's"
            for name, seconds in wrong.items()
        )
        return [failed("clocks", detail, "synchronize them with NTP, for example with chrony or systemd-timesyncd")]
    return [ok("clocks", f"this machine's agrees with {', '.join(known)}")] if known else []
