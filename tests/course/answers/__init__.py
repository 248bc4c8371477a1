"""Right answers, written otherwise than in the lessons: with NumPy, SciPy, scikit-learn, loops, other functions of
PyTorch.

One file a lesson. Each answer is one that a student may well give, and has to pass.
"""

import importlib
import pkgutil

ANSWERS = []  # (exercise, name of the answer, function)


def right(exercise):
    """Marks a function as a right answer of an exercise."""

    def keep(answer):
        ANSWERS.append((exercise, answer.__name__, answer))
        return answer

    return keep


for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")
