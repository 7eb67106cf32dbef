"""Probes as bytes."""

import io

import numpy as np
import pytest

from sonde.errors import BadInput
from sonde.reliability.probe_file import from_bytes, to_bytes


def test_round_trip() -> None:
    state = {"a": np.arange(3.0), "b": {"c": np.array([[1, 2]]), "d": 0.1, "e": None, "f": "text"}, "g": [1, 2]}
    back = from_bytes(to_bytes(state))
    np.testing.assert_array_equal(back["a"], state["a"])
    np.testing.assert_array_equal(back["b"]["c"], [[1, 2]])
    assert (back["b"]["d"], back["b"]["e"], back["b"]["f"], back["g"]) == (0.1, None, "text", [1, 2])


def test_pickles_and_foreign_bytes_are_refused() -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        from_bytes(b"not a probe")
    pickled = io.BytesIO()
    np.savez(pickled, header=np.array([{"format": "sonde.probe/2"}], dtype=object))
    with pytest.raises(BadInput, match="cannot be read"):
        from_bytes(pickled.getvalue())


def test_a_probe_of_an_earlier_version_is_refused_by_its_format() -> None:
    with np.load(io.BytesIO(to_bytes({}))) as stored:
        header = stored["header"].tobytes().replace(b"sonde.probe/2", b"sonde.probe/1")
    buffer = io.BytesIO()
    np.savez(buffer, header=np.frombuffer(header, np.uint8))
    with pytest.raises(BadInput, match=r"sonde\.probe/1"):
        from_bytes(buffer.getvalue())
