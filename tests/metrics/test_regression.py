"""MAE and R² beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

from medtutor.metrics.regression import measure_regression


def test_as_scikit_learn():
    generator = np.random.default_rng(0)
    labels = generator.normal(size=80)
    answers = labels + generator.normal(scale=0.5, size=80)
    metrics = measure_regression(labels, answers[:, None])
    assert metrics.mae == pytest.approx(mean_absolute_error(labels, answers))
    assert metrics.r2 == pytest.approx(r2_score(labels, answers))
    assert metrics.mae_interval[0] < metrics.mae < metrics.mae_interval[1] and metrics.n == 80
    assert metrics.r2_interval[0] < metrics.r2 < metrics.r2_interval[1] and "R²" in str(metrics)


def test_the_mean_explains_nothing_and_equal_targets_have_no_r2():
    assert measure_regression([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], resamples=0).r2 == 0
    assert np.isnan(measure_regression([1.0, 1.0], [1.0, 2.0], resamples=0).r2)
