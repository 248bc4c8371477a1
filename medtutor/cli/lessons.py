"""`medtutor lab`, `notebooks` and `site`, and whether all is well here: `doctor` and `bench`."""

import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from ..errors import InputError, MedtutorError, unknown
from .common import OneLineParser, check_writable, command, print_json


def add(commands):
    """Declares the commands."""
    add_course(commands)
    lab = command(commands, "lab", lab_command, "open the lessons in JupyterLab", json_output=False)
    lab.add_argument("options", nargs="*", help="passed on to jupyter lab, after --")
    command(commands, "doctor", doctor_command, "what works here, and what to do about the rest")
    notebooks = commands.add_parser("notebooks", help="build the lessons from their sources; check them")
    notebook_commands = notebooks.add_subparsers(
        required=True, metavar="build | check | table", parser_class=OneLineParser
    )
    for name, function, summary in (
        ("build", notebooks_build, "execute the sources and write the notebooks"),
        (
            "check",
            notebooks_check,
            "are the notebooks in step with their sources, do they keep the course's rules and budgets",
        ),
        ("table", notebooks_table, "how long each lesson is: cells, words, minutes, exercises, formulas, diagrams"),
    ):
        sub = notebook_commands.add_parser(name, help=summary, description=summary)
        sub.add_argument("lessons", nargs="*", help="numbers such as 01; all when left out")
        if name == "check":
            sub.add_argument(
                "--fast", action="store_true", help="only what needs no execution: no budgets of time and memory"
            )
            sub.add_argument(
                "--record", action="store_true", help="keep what each took, and write it into docs/instructors.rst"
            )
        if name == "table":
            sub.add_argument(
                "--write", action="store_true", help="write minutes, seconds and memory into docs/instructors.rst"
            )
        if name == "build":
            sub.add_argument(
                "--text", action="store_true", help="only the text has changed: keep the outputs, execute nothing"
            )
        sub.add_argument("--debug", action="store_true", help="show tracebacks")
        sub.set_defaults(command=function)
    site = command(commands, "site", site_command, "the executed lessons as static pages, for any browser")
    site.add_argument("lessons", nargs="*", help="numbers such as 01; all when left out")
    site.add_argument("--out", required=True, metavar="FOLDER", help="a new or empty folder, or a former site")
    site.add_argument(
        "--pages", metavar="FOLDER", help="pages of runs (medtutor page), named by lesson, such as 09.html"
    )
    bench = command(
        commands, "bench", bench_command, "speed, each figure as a ratio to a reference measured in the same run"
    )
    bench.add_argument(
        "parts",
        nargs="*",
        help="data, gemm, reference, explorers; all when left out; or: against REVISION [WORKLOAD …], this checkout"
        " beside another of its revisions, on import, train-pneumoniamnist, …, lesson NN; or: growth, what an epoch"
        " costs as images become more and larger (some minutes)",
    )
    bench.add_argument("--times", type=int, default=3, help="against: how often each runs with each seed (3)")
    bench.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="SEED", help="against: of training (0)")
    bench.add_argument("--quick", action="store_true", help="against: one epoch, few steps, to try it out")
    bench.add_argument("--out", metavar="FOLDER", help="growth: write growth.json and growth.svg to it")


def add_course(commands):
    """Declares what an instructor needs."""
    course = commands.add_parser("course", help="an nbgrader course from the lessons; grades, a class, an exam")
    parts = course.add_subparsers(
        required=True, metavar="build | grade | progress | report | exam", parser_class=OneLineParser
    )
    for name, function, summary in (
        ("build", course_build, "assignments with and without solutions, in a folder of nbgrader's form"),
        ("grade", course_grade, "grade what lies in FOLDER/submitted/WHO/LESSON/, each in a sandbox; feedback, grades"),
    ):
        sub = command(parts, name, function, summary)
        sub.add_argument("folder", help="the course's folder")
        sub.add_argument("--lessons", nargs="+", default=[], metavar="NN", help="numbers such as 01; all when left out")
    own = command(parts, "progress", course_progress, "what you have done, by cell; with --out a file to hand in")
    own.add_argument("--out", metavar="FILE", help="write it to a file, such as me.json; without your name")
    own.add_argument("--name", help="with --out: the name that stands in the file")
    report = command(parts, "report", course_report, "a page about a class, from the files of its students")
    report.add_argument("folder", help="with the files that medtutor course progress --out wrote")
    report.add_argument("--out", required=True, metavar="FILE", help="the page, such as report.html")
    summary = "questions with four options each, whose numbers a seed draws: the paper, its key, and both as JSON"
    exam = command(parts, "exam", course_exam, summary)
    exam.add_argument("--lessons", nargs="+", default=[], metavar="NN", help="numbers such as 01; all when left out")
    exam.add_argument("--seed", type=int, default=0, help="of the numbers and of the options' order (0)")
    exam.add_argument("--out", required=True, metavar="FOLDER", help="a new or empty folder, or a former exam")


def _nbgrader():
    try:
        import nbgrader  # noqa: F401
    except ImportError:
        raise InputError('nbgrader is not installed; run: pip install "medtutor[course]"') from None


def course_build(options):
    _nbgrader()
    from ..course.assignment import build_course

    made = build_course(_chosen_sources(options), options.folder)
    if options.json:
        print_json({"folder": options.folder, "assignments": made})
        return 0
    print(f"{options.folder}/release  for students: {', '.join(made)}")
    print(f"hand-ins go to {options.folder}/submitted/WHO/LESSON/LESSON.ipynb")
    print(f"then: medtutor course grade {options.folder}")
    return 0


def course_grade(options):
    _nbgrader()
    from ..course.grading import grade

    started = time.monotonic()
    grades = grade(options.folder, options.lessons, lambda line: print(line, file=sys.stderr))
    if options.json:
        print_json(grades)
        return 0
    count = sum(len(lessons) for lessons in grades["students"].values())
    print(
        f"{count} submissions in {time.monotonic() - started:.0f} s; see grades.csv, grades.json and feedback/ in"
        f" {options.folder}"
    )
    return 0


def course_progress(options):
    from ..course.progress import export_progress, kept_progress, progress

    if options.name is not None and not options.out:
        raise InputError("--name is for: medtutor course progress --out me.json")
    if options.out:
        export_progress(options.out, options.name)
    if options.json:
        print_json(asdict(kept_progress()))
    else:
        print(f"{options.out}  to hand in; look at it first" if options.out else progress())
    return 0


def course_report(options):
    from ..course.class_report import write_class_report

    found = write_class_report(options.folder, options.out)
    for line in found.left_out:
        print(line, file=sys.stderr)
    if options.json:
        print_json({"report": options.out, "students": len(found.students), "left_out": found.left_out})
    else:
        print(f"{options.out}  {len(found.students)} students")
    return 0


def course_exam(options):
    from ..course.exam import write_exam

    folder, made, missing = write_exam(options.out, options.lessons, options.seed)
    if options.json:
        print_json({"folder": folder, "seed": options.seed, "questions": made, "lessons without questions": missing})
        return 0
    for number in missing:
        print(f"lesson {number} has no questions yet")
    print(f"{folder}/exam.md  {sum(made.values())} questions from {len(made)} lessons, seed {options.seed}")
    print(f"{folder}/key.md  the key, with a reason for each option; keep it, exam.json and the seed to yourself")
    return 0


def _notebooks():
    """The lessons' folder, beside the package in a clone of the repository."""
    folder = Path(__file__).resolve().parents[2] / "notebooks"
    if not folder.is_dir():
        raise InputError("the lessons are not beside this package; clone the repository and run: make lab")
    return folder


def _chosen_sources(options):
    from ..course.builder import sources

    found = {source.name[:2]: source for source in sources(_notebooks())}
    for number in options.lessons:
        if number not in found:
            raise unknown("lesson", number, list(found))
    return [source for number, source in found.items() if not options.lessons or number in options.lessons]


def notebooks_build(options):
    from ..course.builder import build, read, retext

    chosen = _chosen_sources(options)
    if options.text:
        for path in [path for source in chosen for path in retext(source)]:
            print(f"{path.relative_to(_notebooks())}  text only, its outputs were kept")
        return 0
    for source in chosen:
        for solved in (False, True):
            read(source, solved)  # whatever cannot be read is refused before the first one runs
    for source in chosen:
        print(f"{source.name} …", file=sys.stderr)
        for path, cost in build(source).items():
            print(f"{path.relative_to(_notebooks())}  {cost}")
    return 0


def notebooks_table(options):
    from ..course.costs import write_guide
    from ..course.counting import overview

    if options.write:
        if options.lessons:
            raise InputError("--write writes the table of all lessons; leave out the numbers")
        print(write_guide(_notebooks()))
        return 0
    print(overview(_chosen_sources(options)))
    return 0


def notebooks_check(options):
    from ..course.builder import execute, read
    from ..course.costs import record
    from ..course.inspection import COURSE_SECONDS, inspect_lesson, orphans, over_budget
    from ..training.processes import slowness

    if options.fast and options.record:
        raise InputError("--fast executes nothing, so that there is nothing to record; leave one of them out")
    chosen = _chosen_sources(options)
    problems = [] if options.lessons else orphans(_notebooks())
    seconds = 0.0
    for source in chosen:
        problems += inspect_lesson(source)
        if not options.fast:
            print(f"{source.name} …", file=sys.stderr)
            try:
                cost = execute(read(source, solved=False), source)
            except MedtutorError as error:
                problems.append(str(error))
                continue
            seconds += cost.seconds
            if options.record:  # after each: whoever stops it loses nothing
                record(_notebooks(), source, cost, _this_machine())
            problems += [f"{source.name}: {problem}" for problem in over_budget(cost)]
            print(f"{source.name}  {cost}")
    if seconds and slowness() > 1:
        print(f"this machine is {slowness():.1f} times slower than the reference: so are the limits of time")
    if seconds > COURSE_SECONDS * slowness():
        most = COURSE_SECONDS * slowness() / 60
        problems.append(f"all lessons together took {seconds / 60:.0f} minutes; at most {most:.0f}")
    for problem in problems:
        print(f"NOT  {problem}")
    if not problems:
        print(f"ok   {len(chosen)} lessons{', nothing executed' if options.fast else ''}")
    return 1 if problems else 0


def _this_machine():
    """This machine in a few words."""
    from platform import python_version

    from ..bench.against import machine

    found = machine()
    threads = f", OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}" if os.environ.get("OMP_NUM_THREADS") else ""
    return (
        f"{found['cores']} cores of {found['CPU']}{threads}, Python {python_version()}, PyTorch {found['torch']}, in"
        f" {time.strftime('%B %Y')}"
    )


def site_command(options):
    from ..course.site import build_site

    started = time.monotonic()
    made = build_site(
        _notebooks(), options.out, options.lessons, options.pages, lambda line: print(line, file=sys.stderr)
    )
    start = Path(options.out) / "index.html"
    if options.json:
        print_json({"start": start, "lessons": made})
        return 0
    print(f"{start}  {len(made)} lessons, {time.monotonic() - started:.0f} s")
    return 0


def lab_command(options):
    folder = _notebooks()
    try:
        import jupyterlab  # noqa: F401
    except ImportError:
        raise InputError('JupyterLab is not installed; run: pip install "medtutor[lab]"') from None
    # As root, which is usual in containers, JupyterLab wants to be told.
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    start = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", *root, *options.options]
    # Widgets are saved with a notebook: opened again without a kernel it shows them as they were left.
    settings = [str(Path(__file__).parents[1] / "lab_settings"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    environment = {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, settings))}
    return subprocess.run(start, env=environment).returncode


def doctor_command(options):
    from ..doctor import examine

    findings = examine()
    if options.json:
        print_json({"ok": all(f.ok for f in findings), "findings": [vars(f) for f in findings]})
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'NOT '} {finding.subject:12} {finding.text}")
            if finding.remedy:
                print(f"     {'':12} -> {finding.remedy}")
    return 0 if all(finding.ok or not finding.needed for finding in findings) else 1


def bench_command(options):
    from ..bench import PARTS, measure_all

    report = None if options.json else print
    if options.out and options.parts != ["growth"]:
        raise InputError("--out is for: medtutor bench growth")
    if options.parts[:1] == ["against"]:
        from ..bench.against import compare

        if len(options.parts) == 1:
            raise InputError("against which revision? medtutor bench against REVISION [WORKLOAD …]")
        _, revision, *words = options.parts
        figures = compare(revision, words, times=options.times, seeds=options.seeds, quick=options.quick, report=report)
        if options.json:
            print_json(figures)
        return 0
    if options.parts == ["growth"]:
        from ..bench.growth import measure_growth
        from ..bench.growth_figure import save_growth

        if options.out:
            check_writable(options.out)  # before anything is measured
        figures = measure_growth(report=report)
        if options.out:
            save_growth(figures, options.out)
        if options.json:
            print_json(figures)
        return 0
    for part in options.parts:
        if part == "growth":
            raise InputError("growth is measured alone; run: medtutor bench growth")
        if part not in PARTS:
            raise InputError(f"unknown part {part!r}; choose from {', '.join(PARTS)}, growth")
    figures = measure_all(options.parts or list(PARTS), report=report)
    if options.json:
        print_json(figures)
    return 0
