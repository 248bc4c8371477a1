"""A lesson in JupyterLab in Chromium: it runs, and its predictions, checks and quizzes work by keyboard."""

import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
GUESS = """
from medtutor.course import Prediction, Quiz
guess = Prediction("test/auc", "Which AUC?", low=0.5, high=1.0, step=0.05)
guess
"""


def test_the_first_lesson_runs_and_answers(page, lab):
    shutil.copy(NOTEBOOKS / "00_start_here.ipynb", lab.folder)
    page.open("00_start_here.ipynb").run_all(timeout=300)  # it trains a network
    page.output.get_by_text("not attempted yet").wait_for()
    images = page.picture("PneumoniaMNIST.*1 to 24")
    images.wait_for()
    page.tab_from(page.control("data set"), page.output.get_by_role("button", name="next"))
    page.press("Enter", page.picture("PneumoniaMNIST.*25 to 48"))


def test_a_guess_by_keyboard_outlives_the_kernel(page, lab):
    name = lab.write("guess.ipynb", GUESS, "guess.reconcile(0.95, 'Because.')")
    page.open(name).run_all()
    page.output.get_by_text("You made no guess").wait_for()
    number = page.control("your guess")
    page.focus(number)
    page.page.keyboard.press("Control+A")
    page.page.keyboard.type("0.8")
    page.tab_to(page.output.get_by_role("button", name="Commit", exact=True))
    page.press("Enter", page.output.get_by_text("Your guess: 0.8."))
    page.page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.page.locator('.lm-Menu-item[data-command="kernelmenu:restart-and-clear"]').click()
    page.page.get_by_role("button", name="Confirm Kernel Restart").click()
    page.open(name).run_all()
    page.output.get_by_text("You said 0.8; it is 0.15 more than that. Because.").wait_for()
    page.output.get_by_text("Your guess: 0.8.").wait_for()


def test_a_choice_and_a_quiz_by_keyboard(notebook):
    page = notebook(
        "from medtutor.course import Prediction, Quiz\nwhich = Prediction('test/which', 'Which?', choices=['MLP',"
        " 'CNN'])\nwhich",
        "Quiz('00_start_here')",
    )
    choice = page.output.get_by_role("button", name="CNN")
    choice.wait_for()
    page.tab_from(page.control("your guess"), choice)
    page.page.keyboard.press("Space")
    page.tab_to(page.output.get_by_role("button", name="Commit", exact=True))
    page.press("Enter", page.output.get_by_text("Your guess: CNN."))
    page.tab_to(page.output.get_by_role("button", name="The guess is graded."))
    page.press("Space", page.output.get_by_text("Nobody sees your guess but you."))
    page.output.get_by_text("0 right at the first try, of 1 answered").wait_for()
