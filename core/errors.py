"""The exceptions that advshard raises.

The message of an InputError states in one line what was expected, what was received, and what to do.
"""

from __future__ import annotations


class AdvshardError(Exception):
    """Base class of all errors of this project. The message is written for users."""


class InputError(AdvshardError):
    """The user's input is invalid. The command line exits with code 2.

    Args:
        expected: what would be valid.
        got: what was received.
        advice: what to do about it.
    """

    def __init__(self, expected: str, got: str, advice: str) -> None:
        self.expected, self.got, self.advice = expected, got, advice
        super().__init__(f"expected {expected}; got {got}; {advice}".replace("\n", " "))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        # Without this the error can't be unpickled, and Celery would report only its class.
        return type(self), (self.expected, self.got, self.advice)


class ConfigError(InputError):
    """An option or a hyper-parameter is unknown or out of range."""


class DataError(InputError):
    """An image set is missing or invalid."""


class ModelError(InputError):
    """A model can't be loaded, or is not a classifier of these images."""


class StoreError(InputError):
    """A store can't be read or written."""


class BrokerError(InputError):
    """A broker doesn't respond."""


class IntegrityError(AdvshardError):
    """Content of the store is invalid or contradicts its record."""


class IncompleteError(AdvshardError):
    """A run could not be completed. The command line exits with code 3."""
