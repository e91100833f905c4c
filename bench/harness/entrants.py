"""The entrants of the comparison: our engine in three settings, the other libraries, and a loop without a library.

Each runs in two ways. ``lean`` is one thread; ``wide`` uses the machine's cores: a library with its default
number of threads, our engine with two processes.
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
    """One row of the comparison.

    side: ``ours``, ``peer`` or ``plain``; script: the module to run, with its options; environment: (name, value)
    pairs that its processes get in addition.
    """

    name: str
    attack: str
    side: str
    script: str
    options: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """A name for its files, unique among the entrants."""
        words = [option.strip("-") for option in self.options] + [name for name, _ in self.environment]
        return "-".join([self.script.rsplit(".", 1)[-1], *words])

    def command(self, way: str, task: Path, out: Path) -> Sequence[str]:
        """The command that runs it in one of the ways on a task."""
        python = str(PEERS_PYTHON) if self.side == "peer" else sys.executable
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
DEFAULT = Entrant("advshard, default: early stop and step back", MOMENTUM, "ours", "bench.harness.ours")
PEERS = (
    _peer("CleverHans", MOMENTUM, "cleverhans"),
    replace(_peer("CleverHans with oneDNN", MOMENTUM, "cleverhans"), environment=((ONEDNN, WANTED),)),
    _peer("ART, TensorFlow", WITHOUT, "art_tf"),
    _peer("ART, PyTorch", MOMENTUM, "art_torch"),
    _peer("torchattacks", MOMENTUM, "torchattacks"),
    _peer("Foolbox, TensorFlow", WITHOUT, "foolbox_tf"),
    _peer("Foolbox, PyTorch", WITHOUT, "foolbox_torch"),
)
PLAIN = _peer("no library, tf.function", MOMENTUM, "plain")
ENTRANTS = (EVERY_STEP, EARLY_STOP, DEFAULT, *PEERS, PLAIN)


def peers_exist() -> bool:
    """Whether ``make peers`` has made the peers' environment."""
    return (PEERS_PYTHON.parent.parent / "installed").exists()


def check_peers() -> None:
    """Raise ConfigError where the peers' environment does not exist."""
    if not peers_exist():
        raise ConfigError("the peers' environment, .venv-peers", "none", "make it with 'make peers'")
