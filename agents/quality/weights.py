"""What weighted samples are worth."""

import numpy as np
from numpy.typing import NDArray


def worth(weights: NDArray[np.float64]) -> float:
    """How many plain samples they are worth: (Σw)² / Σw² (Kish 1965).

    >>> worth(np.array([2.0, 2.0])), worth(np.array([3.0, 1.0]))
    (2.0, 1.6)
    """
    return float(weights.sum() ** 2 / (weights**2).sum())
