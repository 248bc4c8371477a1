"""How many cases are drawn: what fills the memory of a machine is refused before anything is drawn."""

from functools import partial

import pytest

from medtutor.data import catalog, phantoms
from medtutor.data.phantoms import cine, contrasts, marks
from medtutor.errors import InputError


@pytest.mark.parametrize(
    "draw", [cine.draw, contrasts.draw, marks.draw_marks, partial(phantoms.draw, catalog.card("breastmnist"))]
)
@pytest.mark.parametrize("count", [100_001, 10**12, 10**30])
def test_more_cases_than_fit_into_memory_are_refused(draw, count):
    with pytest.raises(InputError, match="counts"):
        draw(counts={"train": count})
