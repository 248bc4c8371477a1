"""The set-up files agree with each other."""

import re
import tomllib
from pathlib import Path

from conftest import HERE, SLOW

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base", "SimpleITK": "simpleitk"}


def ranges(lines):
    named = re.compile(r"([\w.-]+(?:\[\w+\])?)(.*)")
    return dict(named.match(line).groups() for line in lines if not line.startswith("medtutor"))


def conda(path):
    """{name: range} of the packages that an environment file lists."""
    lines = re.findall(r"^ +- ([\w.-]+[^#\s]*)", (ROOT / path).read_text(encoding="utf-8"), re.M)
    return ranges(line for line in lines if "conda" not in line and line != "nodefaults")


def test_environments_give_what_pyproject_asks_for():
    extras = {name: ranges(lines) for name, lines in PROJECT["optional-dependencies"].items()}
    needed = (
        ranges(PROJECT["dependencies"]) | extras["lab"] | extras["privacy"] | extras["efficiency"] | extras["clinic"]
    )
    developer = needed | extras["page"] | extras["course"] | extras["site"] | extras["dask"] | extras["dev"]
    for path, wanted in (("environment.yml", developer), ("binder/environment.yml", needed)):
        given = conda(path)
        for name, version in wanted.items():
            assert given.get(CONDA_NAMES.get(name, name)) == version, f"{path}: {name}{version}"


def test_ranges_not_pins():
    for line in [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]:
        assert "==" not in line and "<" not in line, line


def test_binder_scripts_can_be_run():
    assert (ROOT / "binder/postBuild").stat().st_mode & 0o111
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_citation_names_the_version():
    assert f"version: {PROJECT['version']}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_what_the_quick_tests_leave_out_is_there():
    lacking = [name for name in SLOW if not (HERE / name).is_dir() and not (HERE / f"{name}.py").is_file()]
    assert lacking == []
