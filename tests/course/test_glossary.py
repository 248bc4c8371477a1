"""Standard terms: each once, in the order of the alphabet, and a link where a lesson first writes it in bold."""

import re
from collections import Counter
from pathlib import Path

from medtutor.course import glossary
from medtutor.course.glossary import PLACE, linked, terms

SOURCES = sorted((Path(__file__).parents[2] / "notebooks" / "source").glob("[0-9][0-9]_*.py"))


def test_terms_are_in_order_and_no_spelling_means_two_of_them():
    names = [each.term for each in terms()]
    assert names == sorted(names, key=str.casefold)
    spellings = Counter(form.casefold() for each in terms() for form in {each.term, *each.forms})
    assert [form for form, count in spellings.items() if count > 1] == []


def test_each_term_is_explained_in_a_sentence_and_has_its_lesson():
    lessons = {source.name[:2] for source in SOURCES}
    for each in terms():
        assert each.meaning and not each.meaning.endswith("."), each.term
        assert each.lesson in lessons | {""}, each.term
    assert len(terms()) >= 60


def test_only_the_first_place_in_bold_becomes_a_link():
    seen = set()
    text = linked("A token, a **token**, many **tokens**; a **nonsense**.\n**Dice\ncoefficient** and \\**Dice**.", seen)
    assert text.count(PLACE) == 2
    assert text.startswith('A token, a **[token](00_start_here.ipynb#Glossary "one of the vectors')
    assert "many **tokens**; a **nonsense**" in text and "**[Dice\ncoefficient](" in text
    assert linked("**Token**", seen) == "**Token**"


def test_a_tooltip_keeps_within_its_quotes():
    for each in terms():
        link = linked(f"**{each.term}**", set())
        assert re.fullmatch(r'\*\*\[[^\]]+\]\(\S+ "[^"\n]+"\)\*\*', link), link


def test_the_table_shows_them_all():
    table = glossary()
    assert len(table.rows) == len(terms()) and table._repr_html_().count("<tr>") == len(terms()) + 1
