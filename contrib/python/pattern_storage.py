"""Patterns of Airflow components, by way of a patternfs mount.

For generators that keep what worked behind a class of four methods: the same calls, the same columns, and behind them
a mount instead of a database of their own. All of it is plain files, so that nothing but the standard library is
needed, and what one process stores the next one reads.

    storage = PatternStorage("/mnt/patterns")
    for pattern in storage.get_best_patterns("ml", "operator", "validation"):
        print(pattern["confidence_score"], pattern["pattern_data"]["template"])
    storage.store_component_patterns("FooOperator", code, metadata={"category": "ml"}, success=True)

A PatternStorage keeps no state but its path: any number of threads and processes may use theirs at once.
"""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Union

__all__ = ["PatternStorage", "PatternStorageError", "RefusedError"]

# The class's name, or any other that makes a file's: no separators, no leading dot, no space.
_NAME = re.compile(r"\w[\w.-]*")
_NAME_LIMIT = 200  # bytes; longer names are cut in the mount

# An inode number is a kind and a row's id.
_ID_MASK = (1 << 56) - 1

_PATTERN_COLUMNS = (
    "id",
    "component_name",
    "pattern_type",
    "pattern_name",
    "pattern_data",
    "category",
    "subcategory",
    "component_type",
    "complexity_range",
    "success_count",
    "failure_count",
    "confidence_score",
    "pattern_signature",
    "libraries_involved",
    "confidence_lower_bound",
    "component_count",
)


class PatternStorageError(Exception):
    """The mount is not there, or did not do what was asked; the text says why."""


class RefusedError(PatternStorageError, ValueError):
    """The mount refused what was written; the text is the mount's own, for code in compiler form."""


class PatternStorage:
    """What was learned, at the directory MOUNT where patternfs is mounted."""

    def __init__(self, mount: Union[str, os.PathLike[str]]) -> None:
        """Raises PatternStorageError where MOUNT is no patternfs mount."""
        self.mount = Path(mount)
        if not (self.mount / "incoming").is_dir() or not (self.mount / "stats.json").is_file():
            raise PatternStorageError(f"{self.mount}: no patternfs is mounted there")

    # ---- reading ----

    def get_best_patterns(
        self,
        category: str,
        component_type: str,
        pattern_type: Optional[str] = None,
        min_confidence: float = 0.7,
        limit: int = 10,
    ) -> list[dict[str, Any]]:
        """The best patterns of a category's operators (sensors, …), best first, as rows of code_patterns.

        pattern_data and libraries_involved are decoded. An unknown category has none; a value that cannot be
        (a component type that does not exist, a confidence over 1) raises ValueError.
        """
        return [
            {column: row.get(column) for column in _PATTERN_COLUMNS}
            for row in self._query(
                of="patterns",
                component_type=component_type,
                pattern_type=pattern_type,
                min_confidence=_number(min_confidence),
                limit=limit,
                category=category,
            )
        ]

    def get_similar_components(
        self, category: str, subcategory: Optional[str], min_success_score: float = 150, limit: int = 3
    ) -> list[dict[str, Any]]:
        """Components of the same kind whose success_score is high enough, as rows of component_patterns.

        extracted_patterns and generation_metadata are decoded. Without a subcategory, those of the whole category.
        """
        rows = self._query(
            of="components",
            min_success_score=_number(min_success_score),
            limit=limit,
            category=category,
            subcategory=subcategory,
        )
        return [self._component(row) for row in rows]

    def get_pattern_statistics(self) -> dict[str, Any]:
        """Totals: total_patterns, total_components, high_confidence_patterns, average_confidence,
        patterns_by_category, patterns_by_type and what else stats.json says."""
        return json.loads((self.mount / "stats.json").read_text(encoding="utf-8"))

    # ---- writing ----

    def store_component_patterns(
        self,
        component_name: str,
        code: str,
        patterns: Any = None,
        metadata: Optional[Mapping[str, Any]] = None,
        success: bool = True,
    ) -> dict[str, Any]:
        """Submits a component, and where SUCCESS is False says that it failed. Returns the receipt.

        METADATA: category, subcategory, component_type and success_score say where it belongs and are inferred where
        they are missing; all else is kept as its generation_metadata. PATTERNS is taken for compatibility and not
        looked at: the mount extracts them from CODE itself, so that the same idiom has the same signature whoever
        submits it.

        A submission alone counts as one success of each pattern that the component shows for the first time; a
        failure is counted beside it. Raises RefusedError where the mount refuses the code or the metadata (nothing
        of them is stored then), ValueError for a name that cannot be a file's, TypeError for metadata that is no
        JSON.
        """
        del patterns
        _check_name(component_name)
        described = json.dumps(dict(metadata or {}), ensure_ascii=False, allow_nan=False)
        # A directory of its own: another writer's NAME.json never becomes this one's.
        directory = Path(tempfile.mkdtemp(prefix="storage-", dir=self.mount / "incoming"))
        described_path, source_path = directory / f"{component_name}.json", directory / f"{component_name}.py"
        try:
            # The metadata first, so that the source is judged once.
            _submit(described_path, described)
            _submit(source_path, code)
            receipt = json.loads(Path(f"{source_path}.receipt.json").read_text(encoding="utf-8"))
        finally:
            # What was learned stays. The source goes first: without its metadata it would be judged anew.
            for path in (source_path, described_path):
                path.unlink(missing_ok=True)
            directory.rmdir()
        if not success:
            self.record_outcome([row["path"] for row in receipt["components"]], False)
        return receipt

    def record_outcome(self, paths: Iterable[str], success: bool, note: str = "") -> None:
        """Writes one verdict on all PATHS (`components/NAME`, or patterns' paths) at once: all are counted, or none.

        NOTE says why; it becomes one line. Raises RefusedError where a path is unknown.
        """
        words = ["success" if success else "failure", *paths]
        if len(words) == 1:
            raise ValueError("no paths: a verdict on everything is refused")
        for word in words:
            if not word or re.search(r"\s", word):
                raise ValueError(f"{word!r}: expected a path without white space")
        line = " ".join(words) + (f" -- {' '.join(note.split())}" if note.strip() else "")
        _write(self.mount / "outcome", f"{line}\n", os.O_WRONLY)

    # ---- how ----

    def _query(self, **pairs: Union[str, int, None]) -> list[dict[str, Any]]:
        """The documents that the query names; pairs that are None say nothing.

        What may be unknown stands last: a path ends at the first part that is, and nobody would say of the others
        whether they can be.
        """
        said = [f"{key}={_value(key, value)}" for key, value in pairs.items() if value is not None]
        path = self.mount.joinpath("query", *said, "results.jsonl")
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            if not (self.mount / "query").is_dir():
                raise PatternStorageError(f"{self.mount}: it answers no queries; is it mounted?") from None
            return []  # a category that nobody has submitted anything of
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise ValueError(f"no such query: {' '.join(said)}") from None
            raise
        return [json.loads(line) for line in lines if line]

    def _component(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of component_patterns from a component's document and the files beside it."""
        directory = self.mount / "components" / row["name"]
        return {
            "id": directory.stat().st_ino & _ID_MASK,
            "component_name": row["name"],
            "complete_code": (directory / "source.py").read_bytes().decode("utf-8"),
            "category": row["category"],
            "subcategory": row["subcategory"],
            "component_type": row["component_type"],
            "complexity_score": row["complexity_score"],
            "success_score": row["success_score"],
            "extracted_patterns": json.loads((directory / "patterns.json").read_text(encoding="utf-8")),
            "generation_metadata": row["generation_metadata"],
        }


def _number(value: float) -> str:
    """VALUE as a query says it: digits, and no exponent where none is needed."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _value(key: str, value: Union[str, int]) -> str:
    text = str(value)
    if not text or "/" in text or "\0" in text:
        raise ValueError(f"{key} {text!r}: expected a value without slashes")
    return text


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name.encode("utf-8")) > _NAME_LIMIT:
        raise ValueError(
            f"{name!r}: expected a component's name: letters, digits, _, - and ., at most {_NAME_LIMIT} bytes"
        )


def _write(path: Path, text: str, flags: int) -> None:
    """Writes TEXT in one piece. A refusal may come with the write or with the close; the reason is beside PATH."""
    left = memoryview(text.encode("utf-8"))
    try:
        descriptor = os.open(path, flags, 0o644)
        try:
            while left:
                left = left[os.write(descriptor, left) :]
        except BaseException:
            _close_quietly(descriptor)
            raise
        os.close(descriptor)
    except OSError as error:
        raise _refusal(path, error) from error


def _submit(path: Path, text: str) -> None:
    _write(path, text, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


def _close_quietly(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass


def _refusal(path: Path, error: OSError) -> Exception:
    """The mount's sentence about PATH; ERROR itself where it says nothing of it."""
    try:
        return RefusedError(Path(f"{path}.error").read_text(encoding="utf-8").strip())
    except OSError:
        return error
