"""The report of a made-up class, in Chromium: nothing that axe-core finds, in light and on a phone."""

import pytest

from medtutor.course.check import exercises
from medtutor.course.classroom import report
from medtutor.course.progress import Attempts, Guess, Progress

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1200, 360])
def test_the_report_of_a_class_is_accessible(chrome, axe, width):
    mistake = exercises()["dice"].mistakes[0].name
    done = Attempts("dice", 3, True, {mistake: 2})
    student = Progress(1, "Made up", (done,), (Guess("01/pooling", "a", "b", 1.0),), {})
    page = chrome.new_page(viewport={"width": width, "height": 900})
    page.set_content(report([student], ["z.json is left out: it is no JSON"]))
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'best-practice']})")
    assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
