"""What the page asks of a plain network as a film, done at the desk: its weights after each update, and what every neuron makes
of the plane, or of a batch.

Before this   insight/film.py makes the frames.
After this    addresses/frames.py sends them.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from re import ASCII, fullmatch
from typing import TYPE_CHECKING, Any

from fogwalk.errors import RunError, UsageError
from fogwalk.events import finite
from fogwalk.observatory.work.kept import stamp
from fogwalk.observatory.work.wire import wired

if TYPE_CHECKING:
    from torch import Tensor

    from fogwalk.insight.film import Film, Frame

WIDEST = (
    16  # numbers of a layer that stand one by one; of a wider one so many units are told of, and its links in a list
)
MOST_LINKS = 400  # of a whole network: of more the strongest are told
MOST_TERMS = 12  # of the sum of a neuron that is held, the largest
MOST_LAYERS = 24  # whose units are told of at once, what is read and what is answered among them
PLANE = 28  # points along each side of a plane
MARGIN = 0.15  # of what the points span, beyond them on each side
MOST_POINTS = 400  # held-back points that are drawn
LARGEST = (2 - 2**-23) * 2.0**127  # that float32 holds
BINS = 12  # of a histogram

Edit = tuple[str, tuple[int, ...], float]

_FILMS: dict[tuple[Any, ...], Film] = {}


def _film(path: str) -> Film:
    """The film of a run, kept open until another's is asked for: going on by a step costs a step."""
    from fogwalk.insight.film import Film
    from fogwalk.runs.folder import RunFolder

    key = stamp(path)
    if key not in _FILMS:
        _FILMS.clear()
        _FILMS[key] = Film(RunFolder(Path(path)))
    return _FILMS[key]


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What is looked at in a frame: `edit` is another value for one entry of a parameter, `entry` one whose own value is told and
    the sum of its neuron, `first` the first layer whose units are told (0 is what the network reads)."""

    edit: Edit | None = None
    entry: tuple[str, tuple[int, ...]] | None = None
    first: int = 0


def frame(path: str, step: int, made: int | None, looked: Looked) -> dict[str, Any]:
    """A plain network after `step` updates; with an edit as it would be were that entry of a parameter another. Of a network
    with more than WIDEST numbers in a layer its strongest units, and no parameters; of more than MOST_LINKS links the strongest.
    Raises RunError for any other model, UsageError for an entry or a layer it has not."""
    from fogwalk.insight.nudge import require_entry

    film, told, matrices = _at(path, step, made)
    sizes = [told.parameters[matrices[0]].shape[1], *(told.parameters[name].shape[0] for name in matrices)]
    if not 0 <= looked.first < len(sizes):
        raise UsageError(f"this network has no layer {looked.first}", expected=f"It has {len(sizes)}, from 0.")
    held = None
    if looked.entry is not None:
        name, place = looked.entry
        require_entry(told.parameters, name, place)
        held = finite(float(told.parameters[name][place]))
    with nullcontext() if looked.edit is None else film.altered(*looked.edit):
        now = {name: one.detach() for name, one in film.replay.state.model.named_parameters()}
        summed = _neuron(now, matrices, looked.entry)
        return _told(film, told, sizes, matrices, looked.first) | {"held": held, "neuron": summed}


def matrix(path: str, step: int, made: int | None, name: str, kind: str) -> tuple[list[int], bytes]:
    """A matrix of the network after `step` updates [units, inputs]: its weight, its gradient in that update or its change by it.
    Raises UsageError for one that it has not."""
    _, told, matrices = _at(path, step, made)
    found = {"weight": told.parameters, "gradient": told.gradients, "change": told.changes}.get(kind, {})
    if name not in matrices or name not in found:
        raise UsageError(
            f"step {step} has no {kind[:20]} of '{name[:80]}'",
            remedy="Try: weight of layers.0.weight, or of head.weight",
        )
    return wired(found[name])


def _at(path: str, step: int, made: int | None) -> tuple[Film, Frame, list[str]]:
    """The film at a step, its frame, and the names of the network's matrices in order."""
    from fogwalk.models.plain import PlainNetwork

    film = _film(path)
    try:
        told = film.at(step, made)
    except BaseException:
        _FILMS.clear()  # it may stand between two steps
        raise
    model = film.replay.state.model
    if not isinstance(model, PlainNetwork) or model.embedding:
        raise RunError("frames are drawn of plain networks that read numbers", remedy="Try: fogwalk train sample:moons")
    return film, told, [f"layers.{at}.weight" for at in range(len(model.layers))] + ["head.weight"]


def _told(film: Film, told: Frame, sizes: list[int], matrices: list[str], first: int) -> dict[str, Any]:
    task, model = film.replay.task, film.replay.state.model
    scored = film.scored()
    parameters = {name: one.detach() for name, one in model.named_parameters()}
    wide = max(sizes) > WIDEST
    names = [] if wide else [name for one in matrices for name in (one, one.replace("weight", "bias"))]
    classes = task.loss_name == "cross-entropy"
    many = sum(parameters[name].numel() for name in matrices)
    shown = [first, min(len(sizes), first + MOST_LAYERS)]
    units = _chosen(parameters, matrices, shown)
    return finite(  # type: ignore[no-any-return]  # a dict stays one
        {
            "step": told.step,
            "steps": told.steps,
            "loss": told.loss,
            "validation": None if scored is None else {"loss": scored.loss, **scored.metrics},
            "inputs": list(task.input_names)[:WIDEST],
            "outputs": [task.named(output) if classes else "" for output in range(min(WIDEST, sizes[-1]))],
            "sizes": sizes,
            "wide": wide,
            "few": WIDEST,
            "most_layers": MOST_LAYERS,
            "shown": shown,
            "chosen": {name: places for name, places in units.items() if name != "input"},
            "many": many,
            "links": _links(told, parameters, matrices) if wide or many > MOST_LINKS else None,
            "parameters": {
                name: {
                    "weight": parameters[name].tolist(),
                    "gradient": told.gradients[name].tolist() if name in told.gradients else None,
                    "change": told.changes[name].tolist() if name in told.changes else None,
                }
                for name in names
            },
            "plane": _plane(film, told, units) if sizes[0] == 2 else None,
            "histograms": _histograms(told, units) if sizes[0] != 2 else None,
        }
    )


def _neuron(
    parameters: dict[str, Tensor], matrices: list[str], entry: tuple[str, tuple[int, ...]] | None
) -> dict[str, Any] | None:
    """The neuron that an entry leads to: how many numbers it reads, of its weights the largest and the entry itself,
    [input, weight] in the order of the inputs, what the sizes of the others add up to, and its bias. None for no entry, or one
    of no neuron: a norm's."""
    import torch

    if entry is None or f"{entry[0].rpartition('.')[0]}.weight" not in matrices:
        return None
    layer, (unit, *link) = entry[0].rpartition(".")[0], entry[1]
    row, bias = parameters[f"{layer}.weight"][unit], parameters.get(f"{layer}.bias")
    sizes = row.abs().nan_to_num(torch.inf)
    sizes[link] = torch.inf
    largest = sizes.topk(min(MOST_TERMS, len(row))).indices.sort().values
    others = row.abs().index_fill(0, largest, 0.0)
    return finite(  # type: ignore[no-any-return]  # a dict stays one
        {
            "layer": layer,
            "unit": unit,
            "reads": len(row),
            "terms": [[at, float(row[at])] for at in largest.tolist()],
            "rest": float(others.sum()),
            "bias": None if bias is None else float(bias[unit]),
        }
    )


def _chosen(parameters: dict[str, Tensor], matrices: list[str], shown: list[int]) -> dict[str, list[int]]:
    """The units told of in each layer that is shown, in order: of a wide layer those with the longest row of weights; of what
    is read and of the answers the first, in the order of the data. The answers always, for the plane."""
    found = {"input": list(range(min(WIDEST, parameters[matrices[0]].shape[1])))} if shown[0] == 0 else {}
    for at, name in enumerate(matrices, start=1):
        weight, layer = parameters[name], name.removesuffix(".weight")
        if layer == "head":
            found[layer] = list(range(min(WIDEST, len(weight))))
        elif shown[0] <= at < shown[1]:
            found[layer] = sorted(weight.norm(dim=1).topk(min(WIDEST, len(weight))).indices.tolist())
    return found


def _links(told: Frame, parameters: dict[str, Tensor], matrices: list[str]) -> dict[str, list[list[Any]]]:
    """By each kind the strongest links of the whole network, the strongest first: [matrix, unit, input, weight, gradient,
    change]. Before the first update there are weights alone."""
    import torch

    kinds = {"weight": parameters, "gradient": told.gradients, "change": told.changes}
    flat = {kind: torch.cat([of[name].flatten() for name in matrices]) for kind, of in kinds.items() if of}
    starts = [0, *accumulate(parameters[name].numel() for name in matrices)]

    def place(at: int) -> tuple[str, int, int]:
        matrix = bisect_right(starts, at) - 1
        return matrices[matrix], *divmod(at - starts[matrix], parameters[matrices[matrix]].shape[1])

    found = {}
    for kind, values in flat.items():
        strongest = values.abs().nan_to_num(torch.inf).topk(min(MOST_LINKS, len(values))).indices.tolist()
        found[kind] = [
            [*place(at), *(float(flat[one][at]) if one in flat else None for one in kinds)] for at in strongest
        ]
    return found


def _units(film: Film, inputs: Tensor) -> dict[str, Tensor]:
    """What each unit makes of rows [rows, columns], dropout off: [rows, units] by layer, the outputs as `head`."""
    import torch

    from fogwalk.models.probes import Watch

    model = film.replay.state.model
    mode = model.training
    model.eval()
    try:
        with torch.no_grad(), Watch(model) as watch:
            model(inputs)
    finally:
        model.train(mode)
    made = {f"layers.{at}": watch.seen[f"activations.{at}.output"].value for at in range(len(model.layers))}  # type: ignore[arg-type]
    return made | {"head": watch.seen["head.output"].value}


def _plane(film: Film, told: Frame, chosen: dict[str, list[int]]) -> dict[str, Any]:
    """Of a network on two columns what every unit makes of the whole plane, row by row from above; the held-back points in it,
    and the batch's, each with its answer. The plane stays the same through the whole film."""
    import torch

    held = list(film.replay.task.validation())
    inputs, targets = torch.cat([one.inputs for one in held]), torch.cat([one.targets for one in held])
    low, high = inputs.min(0).values, inputs.max(0).values
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    across, up = (torch.linspace(float(low[at]), float(high[at]), PLANE) for at in (0, 1))
    points = torch.cartesian_prod(up.flip(0), across).flip(1)
    device = next(film.replay.state.model.parameters()).device
    batch = told.captured.batch if told.captured else None
    return {
        "low": low.tolist(),
        "high": high.tolist(),
        "side": PLANE,
        "units": {
            name: _short(made.T[chosen[name]])
            for name, made in _units(film, points.to(device)).items()
            if name in chosen
        },
        "held": _points(inputs[:MOST_POINTS], targets[:MOST_POINTS]),
        "batch": _points(batch.inputs, batch.targets) if batch else [],
    }


def _points(inputs: Tensor, targets: Tensor) -> list[list[float]]:
    return [[*row, float(answer)] for row, answer in zip(inputs.tolist(), targets.tolist(), strict=True)]


def _short(values: Tensor) -> list[list[float]]:
    """Six digits that count: the colours need no more, and a film sends many."""
    return [[float(f"{value:.6g}") for value in row] for row in values.tolist()]


def _histograms(told: Frame, chosen: dict[str, list[int]]) -> dict[str, list[dict[str, Any]]] | None:
    """How the values of each unit lie over the update's batch: the lowest, the highest, and how many between."""
    import torch

    if told.captured is None:
        return None
    found: dict[str, list[dict[str, Any]]] = {}
    values = told.captured.values
    layers = {
        name: one.value for name, one in values.items() if name.startswith("activations.") and name.endswith("output")
    }
    inputs = told.captured.batch.inputs.flatten(1)
    for name, made in {"input": inputs, **layers, "head": values["head.output"].value}.items():
        layer, units = name.replace("activations", "layers").removesuffix(".output"), []
        for unit in made.detach().float().T[chosen.get(layer, [])]:
            low, high = float(unit.min()), float(unit.max())
            counts = torch.histc(unit, BINS, low, high if high > low else low + 1)
            units.append({"low": low, "high": high, "counts": counts.int().tolist()})
        if units:
            found[layer] = units
    return found


def entered(words: str) -> tuple[str, tuple[int, ...]]:
    """`layers.0.weight:3,1` as a parameter's name and a place in it. Raises UsageError for what is none."""
    name, _, places = words.partition(":")
    if not fullmatch(r"\d{1,9}(,\d{1,9})*", places, ASCII):
        raise UsageError(f"entry cannot be '{words[:80]}'", expected="It is as layers.0.weight:3,1.")
    return name, tuple(int(place) for place in places.split(","))


def edited(words: str) -> Edit:
    """`layers.0.weight:3,1:0.7` as a parameter's name, a place in it and a value. Raises UsageError for what is none."""
    name, _, rest = words.partition(":")
    places, _, value = rest.partition(":")
    try:
        at, number = tuple(int(place) for place in places.split(",")), float(value)
    except ValueError:
        at, number = (-1,), float("nan")
    if min(at) < 0 or not abs(number) <= LARGEST:
        raise UsageError(f"edit cannot be '{words[:80]}'", expected="It is as layers.0.weight:3,1:0.7.")
    return name, at, number
