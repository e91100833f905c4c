"""Who takes part in the comparison: our engine in three settings, the peers, and a plain loop for scale.

Each runs in two ways. ``lean`` is one thread; ``wide`` is how it uses the machine's cores: a library
by the threads that it takes by itself, we by two processes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import ConfigError
from core.runtime.onednn import ONEDNN, WANTED

PEERS_PYTHON = Path(__file__).parent.parent.parent / ".venv-peers" / "bin" / "python"
LEAN, WIDE = "lean", "wide"


@dataclass(frozen=True)
class Entrant:
    """One row: its name, its attack, who it is (ours, peer, plain), and the script to run with its options.

    environment: (name, value) pairs that its processes get besides.
    """

    name: str
    attack: str
    side: str
    script: str
    options: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """A name for files."""
        words = [option.strip("-") for option in self.options] + [name for name, _ in self.environment]
        return "-".join([self.script.rsplit(".", 1)[-1], *words])

    def command(self, way: str, task: Path, out: Path) -> Sequence[str]:
        """Run it on a task."""
        python = sys.executable if self.side == "ours" else str(PEERS_PYTHON)
        more = ["--processes", "2" if way == WIDE else "1"]
        if self.side != "ours":
            more = ["--threads", "0" if way == WIDE else "1"]
        return [python, "-m", self.script, str(task), str(out), *self.options, *more]


def _peer(name: str, attack: str, script: str) -> Entrant:
    return Entrant(name, attack, "plain" if script == "plain" else "peer", f"bench.peers.{script}")


MOMENTUM, WITHOUT = "MI-FGSM", "BIM"
EVERY_STEP = Entrant(
    "advshard, no early stop", MOMENTUM, "ours", "bench.harness.ours", ("--no-early-stop", "--step-back", "0")
)
EARLY_STOP = Entrant(
    "advshard, early stop", MOMENTUM, "ours", "bench.harness.ours", ("--early-stop", "--step-back", "0")
)
DEFAULT = Entrant("advshard, the default: also steps back", MOMENTUM, "ours", "bench.harness.ours")
PEERS = (
    _peer("CleverHans", MOMENTUM, "cleverhans"),
    replace(_peer("CleverHans, oneDNN asked for", MOMENTUM, "cleverhans"), environment=((ONEDNN, WANTED),)),
    _peer("ART, TensorFlow", WITHOUT, "art_tf"),
    _peer("ART, PyTorch", MOMENTUM, "art_torch"),
    _peer("torchattacks", MOMENTUM, "torchattacks"),
    _peer("Foolbox, TensorFlow", WITHOUT, "foolbox_tf"),
    _peer("Foolbox, PyTorch", WITHOUT, "foolbox_torch"),
)
PLAIN = _peer("no library, tf.function", MOMENTUM, "plain")
ENTRANTS = (EVERY_STEP, EARLY_STOP, DEFAULT, *PEERS, PLAIN)


def check_peers() -> None:
    """Raise ConfigError where the peers' environment isn't there."""
    if not (PEERS_PYTHON.parent.parent / "installed").exists():
        raise ConfigError("the peers' environment, .venv-peers", "none", "make it with 'make peers'")
