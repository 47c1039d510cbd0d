"""Every number that a step shows, against a second computation that shares nothing with it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from fogwalk.insight.accounts.updates import UPDATES
from fogwalk.insight.one_step import Step

from . import twins
from .drawing import KINDS, Drawn, drawn

CASES = [(kind, number) for kind in KINDS for number in range(10)]
CLOSE = 2e-4  # float32 against float64, of a number or of the largest beside it, whichever counts
Shown = dict[str, Tensor]


@cache
def case(kind: str, number: int) -> Drawn:
    return drawn(kind, number)


def kept(step: Step) -> Shown:
    """What chance decided is no number to be computed again."""
    return {name: value.value.double() for name, value in step.values.items() if name.endswith("kept")}


def forward(
    found: Drawn, parameters: Shown | None = None, nudge: twins.Nudge = twins.still
) -> tuple[twins.Line, Tensor, Tensor]:
    """All values by a second way, the loss of each answer, and the loss; with the weights before the update, or others."""
    step = found.step
    if parameters is None:
        parameters = {name: moved.old.double().requires_grad_() for name, moved in step.moved.items()}
    line = twins.Line(parameters, kept(step), nudge)
    kind, inputs, targets = step.settings.model_kind, step.batch.inputs, step.batch.targets
    if inputs.is_floating_point():
        inputs = line.made("input", inputs.double().requires_grad_())
    if kind == "plain":
        outputs = twins.plain(line, found.shape, inputs, found.numbers)
    else:
        outputs = getattr(twins, "language" if kind == "transformer" else kind)(line, found.shape, inputs)
    targets = targets if step.task.loss_name == "cross-entropy" else targets.double()
    training = step.settings.training
    each, counts = twins.losses(
        step.task.loss_name, outputs, targets, step.task.class_weights, training.label_smoothing
    )
    return line, each, twins.mean_loss(each, counts, training.accumulate)


def twin(found: Drawn) -> Shown:
    """Every number that is shown of the step, under the name it is shown by."""
    step = found.step
    line, each, loss = forward(found)
    values = {name: value for name, value in line.values.items() if value.requires_grad}
    wanted = [*values.items(), *line.p.items()]
    found_blame = torch.autograd.grad(loss, [tensor for _, tensor in wanted], allow_unused=True)
    blame = dict(zip((name for name, _ in wanted), found_blame, strict=True))
    told = {f"value {name}": value.detach() for name, value in line.values.items()}
    told |= {f"blame {name}": gradient for name in values if (gradient := blame[name]) is not None}
    gradients = {name: torch.zeros_like(p) if blame[name] is None else blame[name] for name, p in line.p.items()}
    norm = torch.cat([gradient.flatten() for gradient in gradients.values()]).norm()
    limit = step.settings.optimizer.clip
    scale = torch.clamp(limit / (norm + 1e-6), max=1.0) if limit else torch.ones_like(norm)
    told |= {"loss": loss.detach(), "loss of each": each.detach(), "norm": norm, "scale": scale}
    new = {}
    for name, moved in step.moved.items():
        old, memory = moved.old.double(), {what: value.double() for what, value in moved.memory.items()}
        clipped = gradients[name] * scale
        new[name] = twins.UPDATES[moved.optimizer](old, clipped, memory, moved.rate, moved.numbers)
        told |= {f"gradient {name}": gradients[name], f"clipped {name}": clipped, f"change {name}": new[name] - old}
    return told | {"loss after": forward(found, new)[2].detach()}


def shown(step: Step) -> Shown:
    """Every number that is shown, as it is shown: by the probes, and once more by the accounts."""
    told = {f"value {name}": value.value for name, value in step.values.items()}
    told |= {f"blame {name}": value.gradient for name, value in step.values.items() if value.gradient is not None}
    told |= {
        "loss": torch.tensor(step.loss),
        "norm": torch.tensor(step.norm),
        "scale": torch.tensor(step.scale),
        "loss after": torch.tensor(step.after),
        "loss of each": step.lost.each(step.captured.outputs, step.batch.targets),
    }
    for name, moved in step.moved.items():
        told |= {f"gradient {name}": moved.gradient, f"clipped {name}": moved.clipped, f"change {name}": moved.change}
    return told


def unlike(told: Shown, right: Shown, step: Step) -> list[str]:
    """The names of what is shown and not so."""
    # A change is the difference of two weights in float32, whose last bit is a sixteen millionth of them.
    slack = {f"change {name}": 3e-7 * float(moved.old.abs().max()) for name, moved in step.moved.items()}
    return [
        name for name, value in told.items() if name in right and not close(value, right[name], slack.get(name, 0.0))
    ]


def close(one: Tensor, other: Tensor, slack: float = 0.0) -> bool:
    """Of one shape, and each number the same but for what float32 leaves out: of it, and of the largest beside it."""
    if one.shape != other.shape:
        return False
    one, other = one.double(), other.double()
    allowed = CLOSE * other.abs() + 2e-6 * other.abs().amax().clamp(min=1e-6) + slack
    return bool(((one - other).abs() <= allowed).all())


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_every_value_blame_and_update_equals_its_twin(kind: str, number: int) -> None:
    found = case(kind, number)
    told, right = shown(found.step), twin(found)
    assert unlike(told, right, found.step) == []
    assert missing(found.step, right) == []


def missing(step: Step, right: Shown) -> list[str]:
    """What is shown and has no twin, under its own name or that of the same tensor."""
    same: dict[tuple[int, tuple[int, ...]], list[str]] = {}
    for name, value in step.values.items():
        if value.value.is_floating_point() and not name.endswith("kept"):
            same.setdefault((value.value.data_ptr(), tuple(value.value.shape)), []).append(name)
    return [name for names in same.values() if not any(f"value {name}" in right for name in names) for name in names]


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_accounts_compute_what_the_model_made(kind: str, number: int) -> None:
    step = case(kind, number).step
    seen = 0
    for work, account in step.accounts():
        for name, value in account.again(work).items():
            assert close(value, work.value(name)), f"{work.path}: {name}"
            seen += 1
    assert seen >= 3


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_what_accounts_pass_back_adds_up_to_the_blame_that_autograd_gives(kind: str, number: int) -> None:
    """For every tensor that some module reads, and for every parameter, the sum over all its readers."""
    step = case(kind, number).step
    values: dict[tuple[int, tuple[int, ...]], list[Tensor]] = {}
    gradients: dict[str, list[Tensor]] = {}
    names = {id(parameter): name for name, parameter in step.model.named_parameters()}
    for work, account in step.accounts():
        within = f"{work.path}." if work.path else ""
        own = {name: names[id(p)] for name, p in work.module.named_parameters(remove_duplicate=False)}
        to: dict[
            tuple[int, tuple[int, ...]], Tensor
        ] = {}  # one tensor may go by two names, as a query that nothing turns
        for name, blame in account.passed_back(work).items():
            if name in own:
                gradients.setdefault(own[name], []).append(blame)
            else:
                tensor = step.values[within + name].value
                to[tensor.data_ptr(), tuple(tensor.shape)] = blame
        for key, blame in to.items():
            values.setdefault(key, []).append(blame)
    checked = 0
    for name, value in step.values.items():
        parts = values.get((value.value.data_ptr(), tuple(value.value.shape)))
        if parts is None or value.gradient is None:
            continue
        assert close(sum(parts[1:], parts[0]), value.gradient), name
        checked += 1
    for name, moved in step.moved.items():
        assert name in gradients, f"no account for {name}"
        assert close(sum(gradients[name][1:], gradients[name][0]), moved.gradient), name
    assert checked >= 3


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_the_loss_is_told_as_it_is_made_and_begins_the_blame(kind: str, number: int) -> None:
    step = case(kind, number).step
    each = step.lost.each(step.captured.outputs, step.batch.targets)
    assert float((each * step.counted).sum()) == pytest.approx(step.loss, rel=CLOSE)
    blame = step.lost.blame(step.captured.outputs, step.batch.targets, step.counted)
    gradient = step.values["output"].gradient
    assert gradient is not None
    assert close(blame, gradient)


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_updates_are_told_as_the_optimizer_makes_them(kind: str, number: int) -> None:
    for moved in case(kind, number).step.moved.values():
        slack = 3e-7 * float(moved.old.abs().max())
        assert close(UPDATES[moved.optimizer].again(moved) - moved.old, moved.change, slack), moved.name


def kinked(shape: Any) -> bool:
    return getattr(shape, "activation", getattr(shape, "feed_forward", "")) in ("relu", "squared-relu")


@pytest.mark.parametrize("kind", KINDS)
def test_blame_is_the_slope_of_the_loss(kind: str) -> None:
    """Autograd's, through the twin, against finite differences: every value, in a direction drawn at random. A kink has no
    slope, so of a kind the first model without one is taken."""
    found = next(one for number in range(10) if not kinked((one := case(kind, number)).shape))
    line, _, loss = forward(found)
    values = {name: value for name, value in line.values.items() if value.requires_grad}
    blame = torch.autograd.grad(loss, list(values.values()), allow_unused=True)
    chance = torch.Generator().manual_seed(1)
    for (name, value), gradient in zip(values.items(), blame, strict=True):
        direction = torch.randn(value.shape, generator=chance, dtype=torch.float64)
        if name == "input" and value.dim() == 2:
            direction[:, found.numbers :] = 0  # the number of a word in its list is no quantity
        slope = twins.finite_differences(lambda nudge: forward(found, nudge=nudge)[2].detach(), name, direction)
        told = 0.0 if gradient is None else float((gradient * direction).sum())
        assert told == pytest.approx(slope, rel=2e-3, abs=1e-7), name


def moved_numbers(told: Shown, chance: random.Random) -> Iterator[tuple[str, Shown]]:
    """What is shown with one number off by a hundredth: of each the largest, and one drawn from all that are not a thousand times
    smaller."""
    for name, value in told.items():
        if not value.is_floating_point() or not value.abs().amax():
            continue
        flat = value.abs().flatten()
        enough = (flat > 1e-3 * flat.amax()).nonzero().flatten().tolist()
        for place in {int(flat.argmax()), chance.choice(enough)}:
            wrong = value.clone(memory_format=torch.contiguous_format)
            wrong.view(-1)[place] *= 1.01
            yield f"{name}[{place}]", told | {name: wrong}


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_a_number_off_by_a_hundredth_is_found(kind: str, number: int) -> None:
    found = case(kind, number)
    right = twin(found)
    told = shown(found.step)
    alone = {name for name in told if name not in right}
    assert {name for name in alone if not name.endswith(("kept", ".input", "drop.output"))} <= without_twins(found.step)
    told = {name: value for name, value in told.items() if name in right}
    assert unlike(told, right, found.step) == []
    unseen = [
        what
        for what, wrong in moved_numbers(told, random.Random(number))
        if not unlike(wrong, right, found.step) and not slight(what, wrong, found.step)
    ]
    assert unseen == []


def slight(what: str, wrong: Shown, step: Step) -> bool:
    """A change of a weight whose hundredth is less than the weight's own last bits."""
    name = what.rpartition("[")[0]
    if not name.startswith("change "):
        return False
    moved = step.moved[name.removeprefix("change ")]
    place = int(what.rpartition("[")[2].removesuffix("]"))
    return float(moved.change.abs().flatten()[place]) * 0.01 <= 4e-7 * float(moved.old.abs().max())


def without_twins(step: Step) -> set[str]:
    """Names of what is the same tensor as something that has a twin, or no number of the model's own."""
    same: dict[tuple[int, tuple[int, ...]], list[str]] = {}
    for name, value in step.values.items():
        same.setdefault((value.value.data_ptr(), tuple(value.value.shape)), []).append(name)
    return {
        f"{sort} {name}" for names in same.values() if len(names) > 1 for name in names for sort in ("value", "blame")
    }


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_what_the_optimizer_remembers_is_what_it_must(kind: str, number: int) -> None:
    for moved in case(kind, number).step.moved.values():
        memory = {what: value.double() for what, value in moved.memory.items()}
        right = twins.remembered(moved.optimizer, moved.old.double(), moved.clipped.double(), memory, moved.numbers)
        assert right.keys() == moved.remembered.keys()
        for what, value in moved.remembered.items():
            assert close(value, right[what]), f"{moved.name}: {what}"


def test_every_kind_of_choice_was_drawn() -> None:
    steps = [case(*one).step for one in CASES]
    assert {moved.optimizer for step in steps for moved in step.moved.values()} == set(UPDATES)
    assert {step.task.loss_name for step in steps} == {"cross-entropy", "mean-squared", "mean-absolute", "huber"}
    assert any(step.scale < 1 for step in steps)
    assert any(name.endswith("kept") for step in steps for name in step.values)
    shapes = [case("transformer", number).shape for number in range(10)]
    assert len({shape.positions for shape in shapes}) >= 4
    assert {shape.norm_place for shape in shapes} == {"before", "after"}
    assert any(a != b for a, b in itertools.pairwise(shape.tied for shape in shapes))
