"""Arrays of numbers in .npy files with one row per frame, mapped into memory: never loaded whole, nothing unpickled."""

from pathlib import Path
from tokenize import TokenError

import numpy as np

from sonde.datasets.readers.protocol import Place
from sonde.records.arrays import AnyArray

DAMAGES = (
    ValueError,
    TypeError,
    EOFError,
    OSError,
    OverflowError,
    SyntaxError,
    TokenError,
    RecursionError,
    MemoryError,
)
"""What numpy raises on a file that is cut short, or a header that is none."""


def npy_rows(path: Path, width: int, n_rows: int | None = None) -> AnyArray:
    """Map an array of real numbers, reshaped to (n_rows, width).

    Parameters
    ----------
    n_rows : what the length must be; None takes what the file holds. A flat array of `width` numbers is one row.

    Raises
    ------
    BadInput : the file is no such array, is cut short, or has other lengths.
    """
    array = _mapped(path)
    found = array.shape
    if array.ndim == 1 and width > 1:
        array = array[None]
    wanted = n_rows if n_rows is not None else len(array) if array.ndim else 0
    if array.dtype.kind not in "fiu" or array.shape[:1] != (wanted,) or array.size != wanted * width:
        length = "any number of" if n_rows is None else f"{n_rows:,}"
        raise Place(path).bad(
            f"{length} rows of {width} numbers must stand here, found {array.dtype} of shape {found}",
            "do the atoms and frames of this file fit those beside it?",
        )
    return array.reshape(wanted, width)


def _mapped(path: Path) -> AnyArray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as missing:
        raise Place(path).bad("there is no such file", "copy the folder again.") from missing
    except DAMAGES as damage:
        words = str(damage).splitlines()[0][:200] if str(damage) else type(damage).__name__
        raise Place(path).bad(f"this is no whole array of numpy ({words})", "copy the file again.") from damage
