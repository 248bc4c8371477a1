"""Exam questions of lesson 13, fairness."""

from scipy.stats import binom

from ....metrics.decisions import Counts
from ....metrics.groups import wilson
from ...exam import question


@question(
    "Of {n} ill people of a small group a model finds {hits}. Where does the 95 % interval of its sensitivity begin"
    " (Wilson)?",
    "{:.3f}",
)
def interval(generator):
    n = int(generator.integers(8, 40))
    hits = n - int(generator.integers(1, 4))
    low, high = wilson(hits, n)
    share = hits / n
    return {"n": n, "hits": hits}, [
        (low, "Few people leave a wide interval, and it reaches further down than up."),
        (share - (high - share), "The interval is not symmetric: near 1 it reaches further down."),
        (share, "This is the share itself; another draw of people would have given another."),
        (share - 0.05, "5 % is how often such intervals fail; how far they reach follows from n."),
    ]


@question(
    "A group has {n} ill children; each is found with a chance of {p}, independently. How likely are {missed}"
    " or more missed ones?",
    "{:.3f}",
)
def chance(generator):
    n, p, missed = int(generator.integers(8, 25)), int(generator.integers(80, 96)) / 100, int(generator.integers(2, 5))
    return {"n": n, "p": p, "missed": missed}, [
        (float(binom.sf(missed - 1, n, 1 - p)), "The binomial chances of so many and more, added up."),
        (float(binom.pmf(missed, n, 1 - p)), "This is just so many; more would be as striking."),
        (float(binom.sf(missed, n, 1 - p)), "This is more than so many; so many itself counts, too."),
        ((1 - p) ** missed, "This is for given children; it may be any of the group."),
    ]


@question(
    "Sensitivity {s} % and false alarms {f} % in both groups; {a} % of group A are ill, {b} % of B. By how much"
    " does the"
    " precision of A exceed that of B?",
    "{:.3f}",
)
def parity(generator):
    s, f, a, b = (int(generator.integers(*r)) for r in ((75, 97), (5, 25), (35, 60), (5, 25)))
    counts = Counts(tp=s, fp=f, fn=100 - s, tn=100 - f)
    first, second = counts.precision_at(a / 100), counts.precision_at(b / 100)
    return {"s": s, "f": f, "a": a, "b": b}, [
        (first - second, "s p / (s p + f (1 - p)) in each: where prevalence differs, precision does."),
        (0.0, "Equal rates of errors do not make equal precision."),
        ((a - b) / 100, "This is the difference of prevalence."),
        (first - counts.precision, "Group B has its own prevalence, not one half."),
    ]


@question(
    "Group A: sensitivity {sa}, false alarms {fa}; group B: {sb} and {fb}. What is the equalised odds"
    " difference, as fairlearn has it?",
    "{:.2f}",
)
def odds(generator):
    sa, sb, fa, fb = (int(x) / 100 for x in [*generator.integers(70, 98, 2), *generator.integers(3, 30, 2)])
    gap, alarms = abs(sa - sb), abs(fa - fb)
    return {"sa": f"{sa:.2f}", "sb": f"{sb:.2f}", "fa": f"{fa:.2f}", "fb": f"{fb:.2f}"}, [
        (max(gap, alarms), "The larger of the two gaps, in sensitivity and in false alarms."),
        (min(gap, alarms), "The larger gap counts: both have to be closed."),
        (gap + alarms, "The gaps are not added up."),
        ((gap + alarms) / 2, "This is their mean, which hides the larger one."),
    ]


@question(
    "{n} training cases; {group} of group B, {ill} ill, {both} both of B and ill. By reweighing, which weight"
    " has an ill"
    " case of B?",
    "{:.3f}",
)
def weight(generator):
    n, group, ill = (
        int(generator.integers(800, 1500)),
        int(generator.integers(100, 300)),
        int(generator.integers(300, 600)),
    )
    both = int(group * generator.uniform(0.1, 0.3))
    return {"n": n, "group": group, "ill": ill, "both": both}, [
        (group / n * ill / n / (both / n), "P(group) P(ill) / P(both): as if the two were independent."),
        (both / n / (group / n * ill / n), "The fraction is upside down: what is rare gets more weight."),
        (n / both, "This makes all cells alike; reweighing only makes group and label independent."),
        (ill / both, "The group's own share is left out."),
    ]


@question(
    "In group B {lost} % of the findings are recorded as normal, by chance; {p} % of B are ill. Scores are calibrated"
    " by the truth. How much too high is the mean score by the record?",
    "{:.3f}",
)
def recorded(generator):
    lost, p = int(generator.integers(15, 55)), int(generator.integers(25, 75))
    return {"lost": lost, "p": p}, [
        (lost * p / 10000, "So many of the group are ill and recorded as normal."),
        (lost / 100, "This is a share of the ill, not of the group."),
        (0.0, "By the truth it is calibrated; the record has fewer ill than there are."),
        (p / 100 - lost / 100 * (1 - p / 100), "Findings are lost of the ill, not of the healthy."),
    ]


@question(
    "Group B: {ill} ill, {healthy} healthy. A lower threshold finds {more} more of the ill and raises {alarms}"
    " more false"
    " alarms. How does the false alarm rate of B change?",
    "{:+.3f}",
)
def pays(generator):
    ill, healthy = int(generator.integers(40, 90)), int(generator.integers(100, 300))
    more, alarms = int(generator.integers(3, 15)), int(generator.integers(10, 50))
    return {"ill": ill, "healthy": healthy, "more": more, "alarms": alarms}, [
        (alarms / healthy, "The healthy of this group pay: so many more of them are called ill."),
        (more / ill, "This is what the ill of the group gain: sensitivity."),
        (alarms / (ill + healthy), "A false alarm rate is of the healthy, not of all."),
        (-alarms / healthy, "A lower threshold calls more people ill, of either kind."),
    ]


@question(
    "{groups} groups without any true gap are looked at, each with a 5 % chance of a gap that seems real. How"
    " likely is at"
    " least one?",
    "{:.3f}",
)
def many(generator):
    groups = int(generator.integers(4, 18))
    return {"groups": groups}, [
        (1 - 0.95**groups, "1 minus the chance that none shows one."),
        (0.05, "This is for one group that was named beforehand."),
        (0.05 * groups, "This is how many are expected; the chance of at least one is lower."),
        (0.95**groups, "This is the chance that none shows one."),
    ]


@question(
    "Group A has {na} ill people with sensitivity {sa}, group B {nb} with {sb}. What is the sensitivity of all"
    " together?",
    "{:.3f}",
)
def together(generator):
    na, nb = int(generator.integers(300, 900)), int(generator.integers(20, 90))
    sa, sb = int(generator.integers(88, 99)) / 100, int(generator.integers(40, 75)) / 100
    return {"na": na, "nb": nb, "sa": f"{sa:.2f}", "sb": f"{sb:.2f}"}, [
        ((na * sa + nb * sb) / (na + nb), "Each group counts by its ill people: a small one is hardly seen."),
        ((sa + sb) / 2, "This counts both groups alike."),
        ((nb * sa + na * sb) / (na + nb), "The weights were swapped."),
        (sb, "This is the worst group, which the number of all hides."),
    ]


@question(
    "Readers see {n} wrong hints and follow {followed} of them; without a hint they would have made {alone} of the same"
    " errors. What share of the wrong hints leads to an error that the hint itself has caused?",
    "{:.3f}",
)
def automation(generator):
    n = int(generator.integers(30, 90))
    followed = int(n * generator.uniform(0.35, 0.7))
    alone = int(followed * generator.uniform(0.15, 0.45))
    return {"n": n, "followed": followed, "alone": alone}, [
        (
            (followed - alone) / n,
            "With the hint minus without it: errors that would have been made anyway are no bias.",
        ),
        (followed / n, "Some of these errors would have been made without the hint."),
        ((followed - alone) / followed, "This is a share of the errors, not of the wrong hints."),
        (1 - followed / n, "This is the share of the wrong hints that was not followed."),
    ]
