"""The project folder: a ledger in SQLite, a lake of Parquet files, one writer at a time."""

from sonde.store.datasets import DatasetRow, SourceFile
from sonde.store.project import Project
from sonde.store.runs import RunRow
from sonde.store.sources import SourceRow

__all__ = ["DatasetRow", "Project", "RunRow", "SourceFile", "SourceRow"]
