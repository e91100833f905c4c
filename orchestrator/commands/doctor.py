"""``doctor``: try all that a run needs, and say what to do about what fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import click

from core.errors import AdvshardError
from core.store import Store
from orchestrator.options import broker_url, store_option, store_url, trust_option, trusted

Check = Callable[[], str]
_TIMEOUT = 120


@click.command("doctor")
@click.option("--broker", metavar="URL", help="Redis or Valkey [ADVSHARD_BROKER_URL]")
@click.option("--model", default="cnn", help="A shipped model, or a Keras file")
@click.option("--data", default="fashion-mnist", help="A registered data set, or an .npz file")
@trust_option
@store_option
def doctor_command(broker: str | None, model: str, data: str, trust_model: bool, store: str | None) -> int:
    """Check machine, TensorFlow, store, broker, data and model."""
    url = broker_url(broker)
    checks: list[tuple[str, Check]] = [
        ("machine", _machine),
        ("tensorflow", _tensorflow),
        ("store", lambda: _store(store_url(store))),
        ("broker", (lambda: _broker(url)) if url else _embedded),
        ("data and model", lambda: _data_and_model(data, model, trusted(trust_model))),
    ]
    failed = 0
    for name, check in checks:
        try:
            click.echo(f"ok      {name}: {check()}")
        except (AdvshardError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            click.echo(f"FAILED  {name}: {error}")
    return 2 if failed else 0


def _machine() -> str:
    from core.fingerprint import processor

    return f"{processor()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"


def _tensorflow() -> str:
    code = (
        "import tensorflow as tf; tf.ones(2) + 1; import keras; print(tf.__version__, 'with Keras', keras.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise AdvshardError(f"TensorFlow does not load ({last}); install requirements.lock again")
    return done.stdout.strip()


def _store(url: str) -> str:
    store = Store(url)
    store.check_writable()
    return f"{store.folder.url()} can be written and read"


def _broker(url: str) -> str:
    from orchestrator.dispatch import check_broker, masked, use_broker
    from tasks.app import app

    check_broker(url)
    use_broker(url)
    answers = app.control.inspect(timeout=2).ping() or {}
    if not answers:
        raise AdvshardError(
            f"expected workers on {masked(url)}; got no answer; start one with 'python -m orchestrator worker'"
        )
    return f"{masked(url)} answers, workers: {', '.join(sorted(answers))}"


def _embedded() -> str:
    from orchestrator.embedded import Server

    server = Server()
    server.stop()
    return "the embedded Valkey server starts"


def _data_and_model(data: str, model: str, trust_model: bool) -> str:
    from core.models.card import resolve
    from orchestrator.plan import load_images

    images = load_images(data, (0.0, 1.0))
    name, _, card = resolve(model, images.images.shape[1:], trust_model)
    shape = "x".join(map(str, images.images.shape))
    return f"{images.name} {shape}, {name} with {card.classes} classes"
