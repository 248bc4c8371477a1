"""What a lesson brings beside its notebook: a folder NN_name with exercises.py and quiz.txt, found by themselves."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable


def lessons_with(name: str) -> dict[str, Traversable]:
    """{lesson: its file of that name}, in the order of the lessons.

    name  "exercises.py" or "quiz.txt"

    >>> lessons_with("quiz.txt")["06_gan"].name
    'quiz.txt'
    """
    folders = {folder.name: folder for folder in files(__package__).iterdir()}
    lessons = sorted(lesson for lesson in folders if re.match(r"[0-9][0-9]_", lesson))
    return {lesson: folders[lesson] / name for lesson in lessons if (folders[lesson] / name).is_file()}
