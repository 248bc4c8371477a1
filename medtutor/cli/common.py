"""What the commands share: how they are declared, and how they print."""

import argparse
import json
import math
import os

from ..errors import InputError
from ..files import resolve


class OneLineParser(argparse.ArgumentParser):
    """Its errors are one line, with where to look."""

    def error(self, message):
        raise InputError(f"{message}; see: {self.prog} --help")


def command(commands, name, function, summary, json_output=True):
    """A parser for one command, which calls the function with its options."""
    sub = commands.add_parser(name, help=summary, description=summary)
    sub.set_defaults(command=function)
    sub.add_argument("--debug", action="store_true", help="show tracebacks")
    if json_output:
        sub.add_argument("--json", action="store_true", help="print one JSON object")
    return sub


def is_main_process():
    # Under torchrun every process runs this file; one of them speaks.
    return os.environ.get("RANK", "0") == "0"


def print_json(value):
    print(json.dumps(_without_nan(value), indent=1, allow_nan=False, default=str))


def _without_nan(value):
    """The same with null for NaN and infinity, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_writable(folder):
    from ..doctor import can_be_written

    if not can_be_written(resolve(folder)):
        raise InputError(f"--out {folder} cannot be written; choose a folder that can")
