"""How long a lesson is: every part is counted once, bonus parts and addresses not at all."""

import pytest

from medtutor.course.counting import Counts, count, overview

SOURCE = """# %% [markdown]
# # A lesson
# Three words here, and [a link](https://example.org/not/a/word) of two more. $a + b = c$
#
# $$ x = y $$

# %%
import medtutor as mt
from medtutor.explorers.draw_mask import draw_mask

# %%
guess = Prediction("99/x", "What?", low=0, high=1)
guess

# %%
def f(x):
    ### BEGIN SOLUTION
    y = x
    y = y + 1
    return y
    ### END SOLUTION

# %%
check.auc(f)

# %%
explorers.gallery()
draw_mask(mt.load("hippocampus"))

# %%
review.claim("depth-helps")

# %%
figures.diagram("unet")
Quiz("01_cnn_classification")

# %% [markdown]
# ## Bonus: more of it
# Many words that are not counted, and $f$.

# %%
check.dice(f)

# %% [markdown]
# ## Key points
# Two words.
#
# ## References
# - A paper. [doi:10.1/x](https://doi.org/10.1/x)
# - Another. [arXiv:2101.00001](https://arxiv.org/abs/2101.00001)
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source" / "99_counted.py"
    path.parent.mkdir()
    path.write_text(SOURCE)
    return path


def test_every_part_is_counted(source):
    found = count(source)
    assert found.code_cells == 7 and found.exercises == 1 and found.predictions == 1 and found.cards == 1
    assert found.explorers == 2 and found.formulas == 2 and found.diagrams == 1 and found.links == 2
    # A lesson; three words here and a link of two more; Key points; Two words
    assert found.words == 2 + 9 + 2 + 2
    assert found.lines == 2 + 2 + 2 + 1 + 2 + 1 + 2


def test_minutes_are_by_the_stated_way():
    found = Counts(45, 1300, 100, 3, 2, 1, 5, 6, 0, 0, 0)
    assert found.minutes == round(1300 / 130 + 10 + 24 + 8 + 1 + 5 + 3)


def test_what_is_too_long_is_said():
    found = Counts(46, 2001, 600, 3, 2, 1, 5, 6, 0, 0, 0)
    assert [problem.split(";")[0] for problem in found.problems] == [
        "46 code cells",
        "2001 words of prose",
        f"{found.minutes} minutes, as counted",
    ]
    assert Counts(45, 2000, 0, 0, 0, 0, 0, 0, 0, 0, 0).problems == []


def test_the_overview_has_a_row_a_lesson(source):
    table = overview([source])
    assert table.rows[0][:2] == ("99_counted", "7")
