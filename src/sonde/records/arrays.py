"""Array types: shapes stand in the docstrings of what holds them.

They are for readers and type checkers alone: records of words and numbers are made without loading numpy.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]
    AnyArray = NDArray[Any]
else:
    FloatArray = IntArray = BoolArray = AnyArray = Any
