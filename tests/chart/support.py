"""The chart, rendered in memory: no cluster, no helm binary."""

import copy
from pathlib import Path

import helm_python
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm"
CASES = ("one", "many", "everything")


def case(name):
    return yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text())


def changed(values, **changes):
    """The values with others put in: replicaCount=3, config__server__drain="1m"."""
    values = copy.deepcopy(values)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = values
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return values


def notes(values):
    return next(text for name, text in texts(values).items() if name.endswith("NOTES.txt"))


def texts(values, directory=CHART):
    with helm_python.Chart.load(str(directory)) as chart:
        return chart.render(values, name="demo", namespace="prod")


def objects(values):
    """Every rendered object."""
    found = texts(values)
    manifests = [text for name, text in found.items() if not name.endswith("NOTES.txt")]
    return [each for text in manifests for each in yaml.safe_load_all(text) if each]


def only(values, kind, suffix=""):
    """The one object of this kind; None where there is none."""
    found = [each for each in objects(values) if each["kind"] == kind]
    found = [each for each in found if each["metadata"]["name"].endswith(suffix)] if suffix else found
    assert len(found) <= 1, f"{len(found)} of {kind}"
    return found[0] if found else None


def pod(values):
    return only(values, "Deployment")["spec"]["template"]


def checksum(values):
    """What decides about a rollout, besides the pod's own fields."""
    return pod(values)["metadata"].get("annotations", {}).get("checksum/config")


def refusal(values, directory=CHART):
    """What is said of values that cannot be rendered."""
    try:
        texts(values, directory)
    except helm_python.HelmError as error:
        return str(error)
    raise AssertionError("rendered")
