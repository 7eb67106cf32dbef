"""Vectors of passages by the sentence model that a project uses, compared one by one: exactly."""

from collections.abc import Sequence
from dataclasses import dataclass

from sonde.records.arrays import AnyArray, IntArray
from sonde.records.decisions import Passage
from sonde.store.ledger import Ledger
from sonde.store.passages import COLUMNS, passage_of

_WITHOUT = (
    f"SELECT {COLUMNS} FROM passages WHERE id > ? AND NOT EXISTS "
    "(SELECT 1 FROM text_vectors WHERE passage = passages.id) ORDER BY id LIMIT ?"
)
_MISSING = "SELECT (SELECT count(*) FROM passages) - (SELECT count(*) FROM text_vectors)"
_AT_ONCE = 50_000


@dataclass(frozen=True)
class TextModel:
    """The sentence model that a project uses."""

    folder: str
    identity: str
    """Checksum of the model's files: vectors of another cannot be compared."""
    dimension: int


@dataclass(frozen=True)
class TextVectors:
    """Vectors of all passages, in memory.

    passages: numbers of the passages, shape (n,), ascending; vectors: shape (n, dimension), of length one, in float16.
    """

    passages: IntArray
    vectors: AnyArray

    def cosines(self, vector: AnyArray) -> AnyArray:
        """Cosine of each passage's vector with one vector of length one."""
        import numpy as np

        found = np.empty(len(self.vectors), np.float32)
        for start in range(0, len(found), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            found[part] = self.vectors[part].astype(np.float32) @ vector.astype(np.float32)
        return found


_DECLINED = TextModel("", "", 0)


class TextVectorStore:
    """The project's sentence model and the vectors of its passages."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def model(self) -> TextModel | None:
        """Return the model whose vectors are kept; None where there is none."""
        said = self._said()
        return None if said == _DECLINED else said

    def declined(self) -> bool:
        """Whether it was said that passages shall not be ranked by meaning."""
        return self._said() == _DECLINED

    def use(self, model: TextModel | None) -> None:
        """Keep vectors by a model from now on, or rank by none; vectors of another model are forgotten."""
        known, said = self.model(), model or _DECLINED
        with self._ledger.transaction("text_vectors") as connection:
            connection.execute("DELETE FROM text_models")
            if model is None or known is None or known.identity != model.identity:
                connection.execute("DELETE FROM text_vectors")
            values = (said.folder, said.identity, said.dimension)
            connection.execute("INSERT INTO text_models VALUES (?, ?, ?)", values)

    def n_missing(self) -> int:
        """Return how many passages have no vector."""
        ((n,),) = self._ledger.rows(_MISSING)
        return int(n)

    def without(self, after: int, *, limit: int) -> list[tuple[int, Passage]]:
        """Return passages without a vector, with their numbers, those after one number, in order."""
        return [(row["id"], passage_of(row)) for row in self._ledger.rows(_WITHOUT, after, limit)]

    def put(self, passages: Sequence[int], vectors: AnyArray) -> None:
        """Keep the vectors of passages, given by number."""
        rows = [(place, row.tobytes()) for place, row in zip(passages, vectors.astype("<f2"), strict=True)]
        with self._ledger.transaction("text_vectors") as connection:
            connection.executemany("INSERT OR REPLACE INTO text_vectors VALUES (?, ?)", rows)

    def all(self) -> TextVectors:
        """Read all vectors."""
        import numpy as np

        rows = self._ledger.rows("SELECT passage, vector FROM text_vectors ORDER BY passage")
        model = self.model()
        vectors = np.frombuffer(b"".join(row["vector"] for row in rows), "<f2")
        return TextVectors(
            np.array([row["passage"] for row in rows], dtype=np.int64),
            vectors.reshape(len(rows), model.dimension if model else 0),
        )

    def _said(self) -> TextModel | None:
        row = self._ledger.row("SELECT folder, identity, dimension FROM text_models")
        return None if row is None else TextModel(row["folder"], row["identity"], row["dimension"])
