"""nbgrader's own interface to a course in a folder."""

import os
import re
import sys
from pathlib import Path

from ..errors import InputError


def api_of(folder):
    """nbgrader's own interface to the course in a folder.

    Raises `InputError` where there is no course.
    """
    from nbgrader.apps.api import NbGraderAPI
    from traitlets.config.loader import PyFileConfigLoader

    folder = Path(folder).resolve()
    if not (folder / "nbgrader_config.py").is_file():
        raise InputError(f"{folder} is no course; make one with: medtutor course build {folder}")
    # nbgrader starts programs by name.
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys([str(Path(sys.executable).parent), *os.get_exec_path()]))
    config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{folder}/gradebook.db"
    return NbGraderAPI(config=config)


def last_line(done):
    """What went wrong, in nbgrader's words; in its log stands the error, and after it only that there was one."""
    log, error = ((done.get(kind) or "").strip().splitlines() for kind in ("log", "error"))
    named = [found for line in log if (found := re.fullmatch(r"\s*(?:\w+\.)*(\w+: .*)", line))]
    if named:
        return named[-1][1]
    said = error or log
    return said[-1] if said else "it does not say why"
