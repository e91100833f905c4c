"""Runs with a fault each, at a random moment: the result must be that of an undisturbed run.

make chaos                                       # each fault, some twice; prints the table, writes docs/reliability.md
python -m tests.chaos --rounds 6 --seed 7        # six faults drawn at random
python -m tests.chaos --only "FLUSHALL on the broker"
"""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from pathlib import Path

import click

from core.run.layout import ATTACK_DATA
from tests.chaos.disk import NoMountError
from tests.chaos.faults import FAULTS
from tests.chaos.page import Rounds, table, write_page
from tests.chaos.place import IMAGES, Outcome, Place
from tests.processes import command, only_run


def undisturbed(folder: Path) -> bytes:
    """The result of a run to which nothing happens."""
    done = command("run", "--limit", str(IMAGES), "--shards", "1", "--workers", "1", "--store", str(folder))
    if done.returncode:
        raise SystemExit(done.stderr)
    return only_run(folder).results.content(ATTACK_DATA)


def play(name: str, seed: str, expected: bytes, folder: Path) -> Outcome:
    """One round."""
    rng = random.Random(seed)
    place = Place(folder, rng, expected, together=rng.choice([1, 4]))
    with place.stack:
        try:
            return FAULTS[name](place)
        except (AssertionError, TimeoutError) as error:
            return place.look(f"{type(error).__name__}: {error}")


@click.command()
@click.option("--rounds", default=36, show_default=True, help="How many; the faults are drawn, each before any twice")
@click.option("--only", type=click.Choice(list(FAULTS)), help="This fault alone")
@click.option("--seed", default="0", show_default=True)
def main(rounds: int, only: str | None, seed: str) -> None:
    """Disturb runs and print what became of them; after all faults, and if all survived, write the page."""
    known, draw = [only] if only else list(FAULTS), random.Random(seed)
    names = [name for _ in range(0, rounds, len(known)) for name in draw.sample(known, len(known))][:rounds]
    results: Rounds = defaultdict(list)
    skipped: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        expected = undisturbed(Path(scratch) / "undisturbed")
        for number, name in enumerate(names):
            try:
                outcome = play(name, f"{seed}-{number}", expected, Path(scratch) / str(number))
            except NoMountError as error:
                skipped[name] = str(error)
                click.echo(f"round {number} (seed {seed}): {name}: skipped: {error}")
                continue
            results[name].append(outcome)
            click.echo(
                f"round {number} (seed {seed}): {name}, {outcome.done} of {outcome.shards} shards done: "
                f"{outcome.wrong or 'survived'}, "
                f"{outcome.attempts} attempts, recovery {outcome.recovery:.1f} s, {outcome.seconds:.0f} s"
            )
    click.echo("\n".join(table(results)))
    if any(each.wrong for group in results.values() for each in group):
        raise SystemExit(1)
    if len(results) + len(skipped) == len(FAULTS):
        write_page(results, skipped, seed)


if __name__ == "__main__":
    main()
