"""Everything that advshard raises on purpose.

A message says in one line what was expected, what came, and what to do.
"""

from __future__ import annotations


class AdvshardError(Exception):
    """Base of all errors of this project. Its text is fit to be shown to a user."""


class InputError(AdvshardError):
    """Something the user gave can't be used. The command line ends with exit code 2."""

    def __init__(self, expected: str, got: str, advice: str) -> None:
        self.expected, self.got, self.advice = expected, got, advice
        super().__init__(f"expected {expected}; got {got}; {advice}".replace("\n", " "))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        # Of what can't be pickled, Celery says no more than that it is an AdvshardError.
        return type(self), (self.expected, self.got, self.advice)


class ConfigError(InputError):
    """A hyper-parameter or an option out of its range, or unknown."""


class DataError(InputError):
    """An image set that can't be attacked as it is."""


class ModelError(InputError):
    """A model that can't be loaded, or not be read as a classifier of these images."""


class StoreError(InputError):
    """A store that can't be read or written."""


class BrokerError(InputError):
    """A broker that doesn't answer."""


class IntegrityError(AdvshardError):
    """What stands in the store isn't what its record says."""


class IncompleteError(AdvshardError):
    """A run that could not be brought to its end. The command line ends with exit code 3."""
