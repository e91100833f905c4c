"""The command line: the group of commands, and the exit code of each error."""

from __future__ import annotations

import atexit
import gc
import importlib
import sys
from typing import Any

import click

from core.errors import AdvshardError, InputError
from orchestrator.exit_codes import BAD_INPUT, INCOMPLETE, INTERRUPTED, RunInterruptedError

# Command name -> module, imported when the command is used.
_COMMANDS = {
    "attacks": "attacks",
    "cancel": "runs",
    "compare": "compare",
    "doctor": "doctor",
    "export": "export",
    "flower": "flower",
    "generate": "generate",
    "inspect": "inspect",
    "list": "runs",
    "prune": "prune",
    "report": "runs",
    "resume": "run",
    "run": "run",
    "status": "runs",
    "train": "train",
    "worker": "worker",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"orchestrator.commands.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="advshard")
def cli() -> None:
    """Adversarial examples for a whole image test set, as a distributed batch job."""
    from core.runtime.settings import settings

    settings()  # a value that does not fit is refused by every command, also where it does not count


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its exit code.

    Args:
        arguments: those of the command line; by default the process's.
    """
    # Without this, the interpreter's final garbage collection takes 0.1 s.
    atexit.register(gc.freeze)
    try:
        result: Any = cli.main(arguments, prog_name="advshard", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except click.ClickException as error:
        _print_error(error.format_message())
        sys.exit(BAD_INPUT)
    except InputError as error:
        _print_error(str(error))
        sys.exit(BAD_INPUT)
    except AdvshardError as error:
        _print_error(str(error))
        sys.exit(INCOMPLETE)
    except OSError as error:
        # A permanent failure of a file, the store or the network.
        _print_error(f"{type(error).__name__}: {error}")
        sys.exit(BAD_INPUT)
    except RunInterruptedError as error:
        print(error, file=sys.stderr)
        sys.exit(INTERRUPTED)
    except (click.Abort, KeyboardInterrupt):
        _print_error("interrupted")
        sys.exit(INTERRUPTED)


def _print_error(text: str) -> None:
    print("error: " + " ".join(text.split()), file=sys.stderr)
