"""What makes a notebook a lesson: predictions, checks, quizzes, the glossary, the map, and the builder."""

from .check import Exercise, Mistake, check
from .glossary import glossary
from .overview import CourseMap, course_map
from .prediction import Prediction
from .progress import progress
from .quiz import Quiz
from .twin import same_network

__all__ = [
    "CourseMap",
    "Exercise",
    "Mistake",
    "Prediction",
    "Quiz",
    "check",
    "course_map",
    "glossary",
    "progress",
    "same_network",
]
