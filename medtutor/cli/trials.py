"""`medtutor trial`: what was asked of the review, the evidence, the answers."""

import os
import sys

from ..errors import InputError
from ..files import resolve
from .common import OneLineParser, check_writable, print_json


def add(commands):
    """Declares the commands."""
    trial = commands.add_parser("trial", help="the review's claims: list, plan, collect evidence, report")
    trial_commands = trial.add_subparsers(
        required=True, metavar="list | plan | run | report", parser_class=OneLineParser
    )
    for name, function, summary in (
        ("list", trial_list, "the claims and their answers"),
        ("plan", trial_plan, "before evidence: can the rules be passed, and what would the design see?"),
        ("run", trial_run, "collect the evidence for claims; interrupted, it goes on after the last training"),
        ("report", trial_report, "all claims with rule, evidence and answer, as Markdown"),
    ):
        sub = trial_commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=function)
        sub.add_argument("--json", action="store_true", help="print one JSON object")
        sub.add_argument("--debug", action="store_true", help="show tracebacks")
        if name in ("plan", "run"):
            sub.add_argument("claims", nargs="*", metavar="ID", help="of a claim; all when left out")
        if name == "run":
            sub.add_argument("--source", help="auto or phantom; the published images when left out")
            sub.add_argument("--root", help="folder to look for data in first")
            sub.add_argument("--out", help="folder for the evidence; left out: the package's own, in a clone")
            sub.add_argument(
                "--seeds", nargs="+", type=int, metavar="SEED", help="in place of the claims' own: gives no verdict"
            )
            sub.add_argument("--device", default="auto", help="auto (default) or cpu")
            sub.add_argument("--estimate", action="store_true", help="say how long it would take, and do no more")
            many = sub.add_mutually_exclusive_group()
            many.add_argument(
                "--processes", type=int, metavar="N", help="work on N claims at once, each on one thread of the CPU"
            )
            many.add_argument(
                "--dask", metavar="ADDRESS", help="let the workers of a Dask cluster do it, such as tcp://host:8786"
            )
        if name == "report":
            sub.add_argument(
                "--untimed", action="store_true", help="measure no times for the table of all families: quicker"
            )


def trial_list(options):
    from ..reports.table import aligned
    from ..review import claims, judge, verdict

    judged = [(claim, *judge(claim)) for claim in claims()]
    rows = [(claim, found) for claim, _, found in judged]
    if options.json:
        fields = [
            {
                "id": claim.id,
                "lesson": claim.lesson,
                "verdict": found.word,
                "over": found.over,
                "reason": found.reason,
                "asked": claim.asked,
            }
            for claim, found in rows
        ]
        print_json({"claims": fields})
        return 0
    cells = [(claim.id, claim.lesson, *_answer(claim, found), claim.asked) for claim, found in rows]
    print(aligned(cells))
    for claim, evidence, found in judged:
        if evidence is None and found != verdict(claim, None):  # there is a file, but it cannot be used
            print(f"medtutor: {claim.id} is {found}", file=sys.stderr)
    return 0


def _answer(claim, found):
    """The answer in a word or two, what its interval is over, and whether it is true by construction."""
    over = "" if found.over is None else "over seeds only" if found.over == "seeds" else "over seeds and cases"
    return found.word, over, "by construction" if claim.by_construction else ""


def trial_plan(options):
    from ..review import claim, claims
    from ..review.plan import plan

    plans = [plan(each) for each in ([claim(claim_id) for claim_id in options.claims] or claims())]
    if options.json:
        print_json({"plans": [each.as_record() for each in plans]})
    else:
        print("\n\n".join(map(str, plans)))
    return 0


def trial_run(options):
    from functools import partial

    from ..review import claim, claims, verdict

    # Everything that can be wrong is found before the work starts.
    chosen = [claim(claim_id) for claim_id in options.claims] or claims()
    if options.processes is not None and options.processes < 1:
        raise InputError(f"--processes must be a whole number from 1, not {options.processes}")
    if options.source not in (None, "auto", "phantom"):
        raise InputError(
            f"unknown source {options.source!r}; choose auto or phantom, or leave it out for the published images"
        )
    if options.estimate:
        if options.seeds or options.dask:
            raise InputError("--estimate is of the claims' own seeds on this machine; leave out --seeds and --dask")
        return _told_estimate(options, chosen)
    out = _evidence_folder(options, chosen)

    from ..review.kept import forget_trainings

    remark, records = partial(print, file=sys.stderr, flush=True), []
    remark(_estimate(chosen, options.processes))
    try:
        for each, evidence in _collected(chosen, out, options, remark):
            path = evidence.save(out)
            remark(f"evidence: {path}")
            found = verdict(each, evidence)
            records.append(each.as_record(evidence, found))
            if not options.json:
                print(each.card(evidence, found).as_text(), end="\n\n", flush=True)
    except KeyboardInterrupt:
        remark("the finished trainings are kept: the same command goes on after them")
        raise
    # Kept for the case of an interruption, and for claims that share them.
    forget_trainings(out)
    if options.json:
        print_json({"out": str(out), "claims": records})
    return 0


def _collected(chosen, folder, options, remark):
    """(claim, its evidence), …, one after the other or as the workers have them."""
    from functools import partial

    from ..review import workers
    from ..review.trials import run_trial

    load = partial(workers.load_published, source=options.source, root=options.root)
    given = {"load": load, "seeds": options.seeds, "folder": folder, "device": options.device, "report": remark}
    if options.processes or options.dask:
        executor = workers.processes(options.processes) if options.processes else workers.dask_cluster(options.dask)
        with executor as running:
            yield from workers.collect(chosen, running, **given)
    else:
        for claim in chosen:
            yield claim, run_trial(claim, **given)


def _told_estimate(options, chosen):
    from ..review.plan import at_once, estimate

    if options.json:
        seconds, unknown = estimate(chosen)
        together = at_once(chosen, options.processes or 1)
        print_json({"seconds": round(seconds, 1), "at_once": round(together, 1), "unknown": unknown})
    else:
        print(_estimate(chosen, options.processes))
    return 0


def _estimate(chosen, processes=None):
    """How long it will take, in a sentence."""
    from ..review.plan import at_once, estimate

    seconds, unknown = estimate(chosen)
    known = f"estimate: {seconds / 3600:.1f} hours, as the evidence took that is there; less where trainings are kept"
    if processes and processes > 1:
        known += f"; {at_once(chosen, processes) / 3600:.1f} hours with {processes} at once, or more"
    return f"{known}; not known of {', '.join(unknown)}" if unknown else known


def _evidence_folder(options, chosen):
    """Where `trial run` writes. Into the package goes only what can carry a verdict."""
    from ..review.evidence import FOLDER

    seeds = options.seeds
    if seeds and (min(seeds) < 0 or len(set(seeds)) < len(seeds)):
        raise InputError("--seeds must be whole numbers from 0, each once")
    if options.out is not None:
        check_writable(options.out)
        return resolve(options.out)
    if options.source or (seeds and any(sorted(seeds) != sorted(claim.seeds) for claim in chosen)):
        raise InputError("other images or seeds than the claim's give no verdict; say where to with --out FOLDER")
    if not (FOLDER.parents[2] / "pyproject.toml").is_file() or not os.access(FOLDER.parent, os.W_OK):
        raise InputError("the installed package keeps its own evidence; say where to with --out FOLDER")
    return FOLDER


def _told(found):
    """How many claims have which answer, and a table of all, as Markdown."""
    from ..reports.table import markdown_table
    from ..review import ANSWERS

    words = [verdict.word for _, _, verdict in found]
    count = ", ".join(f"{words.count(word)} {word}" for word in ANSWERS)
    head = ("claim", "answer", "over", "mark", "primary contrast")
    rows = [(claim.id, *_answer(claim, verdict), claim.rule.primary) for claim, _, verdict in found]
    return f"Of {len(words)} claims: {count}.\n\n{markdown_table(head, rows)}"


def trial_report(options):
    from functools import partial

    from ..review import claims, judge, side_by_side
    from ..training.processes import choose_threads

    found = [(claim, *judge(claim)) for claim in claims()]
    choose_threads()
    table = side_by_side(timed=not options.untimed, report=partial(print, file=sys.stderr, flush=True))
    if options.json:
        print_json({"claims": [claim.as_record(*judged) for claim, *judged in found], "families": table.as_records()})
    else:
        print(
            "\n\n".join(
                [
                    "# What the review names, what we asked, what we found",
                    _told(found),
                    *(claim.card(*judged).as_markdown() for claim, *judged in found),
                    table.as_markdown(),
                ]
            )
        )
    return 0
