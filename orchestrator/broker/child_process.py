"""A child process that ends with this one, even if this one is killed. The program needs no support for it."""

from __future__ import annotations

import os
import signal
import subprocess

# The shell waits for the end of a pipe from this process, then kills the program and removes a folder.
_SCRIPT = '"$@" >"$GUARD_LOG" 2>&1 & read -r _; kill -KILL $!; wait; [ -z "$GUARD_FOLDER" ] || rm -rf "$GUARD_FOLDER"'
_STOP_TIMEOUT = 8.0


class ChildProcess:
    """A program that ends with this process.

    Args:
        command: the program and its arguments.
        log: the file for its output.
        folder: removed when the program ends, if given.
        env: variables added to the environment.
    """

    def __init__(self, command: list[str], log: str, folder: str = "", env: dict[str, str] | None = None) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "sh", *command],
            env={**os.environ, **(env or {}), "GUARD_LOG": log, "GUARD_FOLDER": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Out of reach of the terminal's Ctrl-C: it is stopped by this class.
            start_new_session=True,
        )

    def stop(self) -> None:
        """End the program, and remove the folder."""
        if self._shell.stdin is not None:
            self._shell.stdin.close()
        try:
            self._shell.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the program at once, without removing the folder."""
        os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()
        if self._shell.stdin is not None:
            self._shell.stdin.close()
