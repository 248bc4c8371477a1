"""The command line. `medtutor COMMAND --help` says more.

Exit codes: 0 done; 1 failed; 2 wrong input, with one line that names it and
the remedy; 130 interrupted by Ctrl-C. With `--json`, exactly one JSON object
on stdout; bars and remarks go to stderr.
"""

import os
import sys
import warnings
from importlib.metadata import version

from ..errors import InputError, MedtutorError
from . import clinic, data, explore, lessons, review, runs, trials
from .common import OneLineParser

__all__ = ["main"]


def main(arguments=None):
    """Run one command; returns its exit code."""
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except InputError as error:
        return _complain(error, error.exit_code)
    if options.debug:
        return options.command(options)
    try:
        with warnings.catch_warnings():
            # One clear line instead of a warning with a source line under it.
            warnings.showwarning = lambda message, *_: print(message, file=sys.stderr)
            return options.command(options)
    except MedtutorError as error:
        return _complain(error, error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except BrokenPipeError:
        # The reader (`| head`) has left: nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _complain(f"unexpected {type(error).__name__}: {error}; run again with --debug for the traceback", 1)


def _complain(error, code):
    line = " ".join(str(error).split())
    # Whatever was typed is repeated: of pages of it, the beginning; the remedy stands at the end.
    print(f"medtutor: {line if len(line) <= 1000 else f'{line[:600]} … {line[-300:]}'}", file=sys.stderr)
    return code


def _parser():
    parser = OneLineParser(prog="medtutor", description="Run the review: data, training, measures, lessons.")
    parser.add_argument("--version", action="version", version=f"medtutor {version('medtutor')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=OneLineParser)
    for part in (data, runs, explore, clinic, trials, review, lessons):
        part.add(commands)
    return parser
