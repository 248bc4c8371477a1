"""What makes a notebook a lesson: predictions, checks, quizzes, and the builder."""

from .check import Exercise, Mistake, check
from .overview import CourseMap, course_map
from .prediction import Prediction
from .quiz import Quiz

__all__ = ["CourseMap", "Exercise", "Mistake", "Prediction", "Quiz", "check", "course_map"]
