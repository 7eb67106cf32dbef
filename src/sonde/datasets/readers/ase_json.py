"""ASE's JSON database: an object of rows by id, read row by row."""

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from sonde.datasets.readers.ase_rows import placed_frame
from sonde.datasets.readers.compression import head_of, opened
from sonde.datasets.readers.json_stream import json_members
from sonde.datasets.readers.protocol import Place
from sonde.records.frames import Frame

ROW = re.compile(
    rb'\s*\{\s*"\d+"\s*:\s*\{\s*"(?:calculator|calculator_parameters|cell|charges?|constraints|ctime|data|energy|forces'
    rb'|initial_\w+|key_value_pairs|magmoms?|mtime|numbers|pbc|positions|unique_id|user)"\s*:'
)


class AseJsonReader:
    """ASE databases in JSON files."""

    name = "ase_json"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by a row under a number, with ASE's keys."""
        return ROW.match(head) is not None

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per row, in file order."""
        head_of(path)
        count, announced = 0, None
        with opened(path) as handle, io.TextIOWrapper(handle, encoding="utf-8") as text:
            for (key,), row, place in json_members(text, path):
                if key == "ids" and isinstance(row, list):
                    announced = len(row)
                if not key.isdecimal():
                    continue
                named = Place(path, count, place.line, f"row {key}")
                if not isinstance(row, Mapping):
                    raise named.bad(f"a row must be an object, found {type(row).__name__}", "mend the file.")
                yield placed_frame({**row, "id": int(key)}, named)
                count += 1
        if announced is not None and announced != count:
            raise Place(path).bad(f"ids names {announced} rows, the file holds {count}", "copy the file again.")
        if not count:
            raise Place(path).bad("the database is empty: it holds no row", "was it written completely?")


READER = AseJsonReader()
