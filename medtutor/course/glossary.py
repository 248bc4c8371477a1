"""The field's standard terms: `glossary.toml` as a table, and as links from the lessons."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..records import typed
from ..reports import Table

# Where the links go: the lesson that shows the table, and its heading.
PLACE = "00_start_here.ipynb#Glossary"
BOLD = re.compile(r"(?<![*\\])\*\*(?![\s*])([^*\n]+(?:\n[^*\n]+)?)(?<!\s)\*\*(?!\*)")


@dataclass(frozen=True)
class Term:
    """A standard term.

    forms    other spellings, such as the plural
    meaning  one sentence
    lesson   number of the lesson where it first comes up, "" for none yet
    """

    term: str
    meaning: str
    lesson: str
    forms: tuple[str, ...] = ()


@cache
def terms() -> tuple[Term, ...]:
    """All terms, in the order of the file, which is that of the alphabet.

    >>> from medtutor.course.glossary import terms
    >>> terms()[0].term
    'ablation'
    """
    tables = tomllib.loads(files(__package__).joinpath("glossary.toml").read_text(encoding="utf-8"))["term"]
    return tuple(typed("term", {"forms": [], **table}, Term) for table in tables)


def glossary() -> Table:
    """All terms with their meaning and lesson, as a notebook shows them.

    >>> from medtutor.course import glossary
    >>> print(str(glossary())[:4])
    term
    """
    return Table(["term", "meaning", "lesson"], [(each.term, each.meaning, each.lesson or "–") for each in terms()])


@cache
def _spellings():
    return {form.casefold(): each for each in terms() for form in (each.term, *each.forms)}


def linked(text: str, seen: set[str]) -> str:
    """Markdown in which each term's first place in bold is a link to the glossary, with the meaning as its tooltip.

    seen  terms that are linked already, in this cell or one before; more are added

    >>> from medtutor.course.glossary import linked
    >>> linked("A **token** is a vector.", set())
    'A **[token](00_start_here.ipynb#Glossary "one of the vectors that a transformer works on")** is a vector.'
    """

    def link(found):
        term = _spellings().get(" ".join(found[1].split()).casefold())
        if term is None or term.term in seen:
            return found[0]
        seen.add(term.term)
        meaning = term.meaning.replace('"', "'")
        return f'**[{found[1]}]({PLACE} "{meaning}")**'

    return BOLD.sub(link, text)
