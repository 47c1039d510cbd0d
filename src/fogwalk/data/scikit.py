"""The one door to the data that scikit-learn carries: the extra `samples`.

Before this   nothing but the installed library.
After this    tables/samples.py and images/samples.py take theirs from it.
"""

from __future__ import annotations

from typing import Any

from fogwalk.errors import UsageError


def datasets(name: str) -> Any:
    """sklearn.datasets, for the sample of this name; raises UsageError where it is not installed."""
    try:
        from sklearn import datasets
    except ImportError:
        raise UsageError(
            f"{name} comes with scikit-learn, which is not installed",
            remedy="pip install 'fogwalk[samples]', or try sample:spirals, which needs nothing.",
        ) from None
    return datasets
