"""One thread for numeric libraries while anything is learned or scored.

Here belongs only that: how many threads add up a number decides its last bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_numeric_thread() -> Iterator[None]:
    """Keep numeric libraries to one thread.

    The last bits of a matrix product depend on how many threads add it up, and boosting whose
    threads wait for each other on a busy machine took eight times the CPU of a single one.
    """
    # Only libraries that are loaded can be limited, and threadpoolctl ships no types.
    import scipy.linalg  # noqa: F401
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1):
        yield
