"""The present map of the attribution explorer as lines of Python."""

_SHOWN = {"both": "", "positive": ".clamp(min=0)", "negative": ".clamp(max=0)", "absolute": ".abs()"}


def lines_of_code(load, case, question, names, upto, sign, opacity, depth):
    """What to run to get the same map, and its picture over the image.

    load      the line that loads the data set, or None where the user has given it
    case      `Case`
    question  `Question`
    names     of the classes
    upto      how far the weights are randomised, or None
    sign, opacity  how the map is shown; `depth` is the slice of a volume, or None
    """
    given = ["overlay"] + ([] if upto is None else ["randomised"])
    lines = ["import medtutor as mt", f"from medtutor.explanation import {', '.join(given)}"]
    if sign != "both":
        lines.append("from medtutor.explanation.overlay import scale")
    if "read_image" in case.code:
        lines.append("from medtutor.explorers.own_image import read_image")
    lines.append("")
    if case.key[0] != "own":
        lines.append(load or "# run, dataset: as you gave them to explore()")
    lines.append(f"image = {case.code}")
    if upto is not None:
        lines.append(f'unlearned = randomised(run, "{upto}")')
    lines.append(_call(question, names, "run" if upto is None else "unlearned"))
    limit = "" if sign == "both" else ", limit=scale(attribution.map)"
    where = "" if depth is None else f", slice={depth}"
    lines.append(f"pixels = overlay(image, attribution.map{_SHOWN[sign]}, opacity={opacity:g}{limit}{where})")
    return "\n".join(lines)


def _call(question, names, subject):
    name = names[question.target]
    # Where two classes share a name, their number tells them apart.
    target = f"{name!r}" if list(names).count(name) == 1 else str(question.target)
    settings = [f"target={target}"] + ([f"layer={question.layer!r}"] if question.layer else [])
    settings += [f"{option}={value!r}" for option, value in question.options]
    return f"attribution = mt.explain({subject}, image, {question.method!r}, {', '.join(settings)})"
