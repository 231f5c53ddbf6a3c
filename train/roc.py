"""How well a score tells two classes apart."""

from __future__ import annotations

import numpy as np
from scipy.stats import mannwhitneyu


def roc_auc(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """Area under the ROC curve, (N,) each: how often a positive scores higher than a negative, a tie counting half.

    None where one of the classes is missing.
    """
    positive, negative = scores[labels == 1], scores[labels != 1]
    if not len(positive) or not len(negative):
        return None
    return float(mannwhitneyu(positive, negative).statistic) / (len(positive) * len(negative))
