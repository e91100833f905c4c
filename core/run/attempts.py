"""The attempts of a run: one document per execution of a work unit, and another if it failed or was given up."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from core.errors import IntegrityError
from core.run import layout
from core.run.records import Attempt
from core.run.work_unit import WorkUnit, single
from core.storage.folder import Folder
from core.storage.json_documents import encode, read_documents

U = TypeVar("U", bound=WorkUnit)

_AT_ONCE = 1024  # documents in memory


class Attempts:
    """Reads and writes the attempts in a run's folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def write(self, unit: WorkUnit, attempt: Attempt) -> None:
        """Keep an attempt up to date."""
        self._folder.write(layout.attempt_file(unit, attempt.task_id), encode(attempt))

    def give_up(self, unit: WorkUnit, attempt: Attempt, error: str) -> None:
        """Mark an attempt as failed, in a second file, because its worker may still write the first."""
        given_up = attempt.model_copy(update={"error": error})
        self._folder.write(layout.attempt_file(unit, attempt.task_id, given_up=True), encode(given_up))

    def of(self, unit: WorkUnit) -> list[Attempt]:
        """All attempts at a work unit so far, by their start."""
        return self.of_each([unit])[unit]

    def of_each(self, units: Sequence[U]) -> dict[U, list[Attempt]]:
        """All attempts at several work units so far; only their folders are listed."""
        folders = [layout.attempts_folder(unit) for unit in units]
        listed = self._folder.names_of(folders)
        names = [f"{folder}/{name}" for folder, found in zip(folders, listed, strict=True) for name in found]
        attempts: dict[str, list[Attempt]] = {folder: [] for folder in folders}
        for name, attempt in self._read(names).items():
            attempts[name.rsplit("/", 1)[0]].append(attempt)
        return {
            unit: sorted(attempts[folder], key=lambda attempt: attempt.started)
            for unit, folder in zip(units, folders, strict=True)
        }

    def count(self) -> int:
        """How often a shard was begun so far, from listings alone."""
        return sum(sum({path[1]: layout.shards_of_attempt(path) for path in paths}.values()) for paths in self._paths())

    def all(self) -> Iterator[tuple[Attempt, int]]:
        """All attempts at shards so far, each with its number of shards, read in batches."""
        for paths in self._paths():
            shards = {path[1]: layout.shards_of_attempt(path) for path in paths}
            found = self._read([path[0] for path in paths])
            yield from ((attempt, shards[name]) for name, attempt in found.items())

    def release(self, index: int) -> None:
        """Set the attempts of a shard aside, so that it gets another ``max_attempts`` of them."""
        folder = layout.attempts_folder(single(index))
        for name in self._folder.names(folder):
            old = f"{folder}/{name}"
            self._folder.write(old.replace(layout.ATTEMPTS, layout.RELEASED, 1), self._folder.read(old))
            self._folder.remove(old)

    def _paths(self) -> Iterator[list[re.Match[str]]]:
        """The files of all attempts of shards, some at a time, those of one attempt together."""
        for top in (layout.ATTEMPTS, layout.RELEASED):
            matches = (m for name in self._folder.find(top) if (m := layout.ATTEMPT_PATH.fullmatch(name)) and m[2])
            some: list[re.Match[str]] = []
            for _, files in itertools.groupby(matches, key=lambda match: match[0].rsplit("/", 1)[0]):
                some += files
                if len(some) >= _AT_ONCE:
                    yield some
                    some = []
            yield some

    def _read(self, names: list[str]) -> dict[str, Attempt]:
        """The attempts in these files, by their names. A damaged one counts as one that failed."""
        matches = [match for name in names if (match := layout.ATTEMPT_PATH.fullmatch(name))]
        matches.sort(key=lambda match: match[5] is not None)  # the given-up document overrides the other one
        documents = read_documents(self._folder, Attempt, [match[0] for match in matches])
        attempts: dict[str, Attempt] = {}
        for match, found in zip(matches, documents, strict=True):
            if isinstance(found, Attempt) and found.task_id == match[4]:
                attempts[match[1]] = found
            elif found is not None:
                why = found if isinstance(found, IntegrityError) else f"{match[0]}: the attempt of another task"
                attempts[match[1]] = Attempt(task_id=match[4], worker="", started=0.0, error=f"IntegrityError: {why}")
        return attempts
