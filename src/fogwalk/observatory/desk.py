"""The desk: one process beside the server that loads models, makes steps again and judges: the server holds no model, waits for
none, and goes on when one fails.

Before this   run.py and insight/ do the work.
After this    server.py asks; what is asked of one run and step is remembered, for a person looks at one step from many sides.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fogwalk.errors import FogwalkError, RunError
from fogwalk.events import finite

REMEMBERED = 2  # steps, each with all its numbers


class Refused(FogwalkError):
    """What the desk could not do, in the words of the error it met there, under the same exit code."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.exit_code = code


class Desk:
    """Asks the process, which is started when it is first needed and anew when it has died."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def ask(self, work: Callable[..., Any], *given: Any) -> Any:
        """What `work` gives back there. Raises Refused for what it raised, RunError where the process died."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        try:
            fine, result = await asyncio.get_running_loop().run_in_executor(self._pool, _done, work, given)
        except BrokenProcessPool:
            self.close()
            raise RunError(
                "the process that was asked for this has died, perhaps for want of memory",
                remedy="Ask again; a smaller batch or model needs less.",
            ) from None
        if not fine:
            raise Refused(*result)
        return result

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


# -- what runs in the other process ------------------------------------------------------------------------------------


def _done(work: Callable[..., Any], given: tuple[Any, ...]) -> tuple[bool, Any]:
    """What came of it; an error as its words, for not every one of them can travel."""
    try:
        return True, work(*given)
    except FogwalkError as error:
        return False, (str(error), error.exit_code)
    except (RuntimeError, MemoryError) as error:  # torch refuses memory with a bare RuntimeError
        return False, (f"this could not be done: {error}", 1)


_STEPS: OrderedDict[tuple[str, int], Any] = OrderedDict()


def _explained(path: str, number: int) -> Any:
    """A step of a run, made again or remembered."""
    from fogwalk.run import load

    key = (path, number)
    if key not in _STEPS:
        while len(_STEPS) >= REMEMBERED:  # before the next is made: each may be large
            _STEPS.popitem(last=False)
        _STEPS[key] = load(path).explain(number)
    _STEPS.move_to_end(key)
    return _STEPS[key]


def step(path: str, number: int, row: int) -> dict[str, Any]:
    """A step's structure, and what `explain` prints of it, by station."""
    explanation = _explained(path, number)
    explanation.step.require_row(row)
    stations = type(explanation)(explanation.step, row).stations
    told = {name: "\n".join(lines) for name, lines in stations.items()}
    layers = [asdict(layer) for layer in explanation.layers]
    return finite({"structure": explanation.structure, "stations": told, "layers": layers})  # type: ignore[no-any-return]


def entry(path: str, number: int, name: str, where: dict[str, int]) -> str:
    """Any entry of a step, as `explain --at` prints it."""
    return str(_explained(path, number).at(name, **where))


def tensor(path: str, number: int, name: str, row: int | None) -> tuple[list[int], bytes]:
    """A tensor of a step by its name in the form that docs/insight.md tells, little-endian float32; of what has records only
    `row`'s, where one is named."""
    explanation = _explained(path, number)
    made, (structure, tensors) = explanation.step, explanation.data
    if name not in tensors:
        raise RunError(f"this step has no tensor '{name[:80]}'")
    axes = {f"{kind}/{value['name']}": value["axes"] for value in structure["values"] for kind in ("value", "blame")}
    value = tensors[name].detach().float()
    if row is not None and axes.get(name, ["batch"])[0] == "batch":
        made.require_row(row)
        value = value[row]
    return list(value.shape), value.contiguous().cpu().numpy().astype("<f4").tobytes()


MOST_UNITS = 64  # of a layer, whose planes are drawn
PLANE = 28  # points along each side of a plane


def plane(path: str, number: int) -> dict[str, Any]:
    """Of a network on two columns what every unit makes of the whole plane, with the weights before an update, dropout off; and
    the batch's points in it. Raises RunError for any other network."""
    import torch

    from fogwalk.models.probes import Watch

    made = _explained(path, number).step
    inputs = made.batch.inputs
    if inputs.dim() != 2 or inputs.shape[1] != 2:
        raise RunError(
            "a plane is drawn for networks that read two columns", remedy="Try one: fogwalk train sample:moons"
        )
    low, high = inputs.min(0).values - 0.5, inputs.max(0).values + 0.5
    across, up = (torch.linspace(float(low[at]), float(high[at]), PLANE) for at in (0, 1))
    points = torch.cartesian_prod(up.flip(0), across).flip(1)  # row by row from above
    mode = made.model.training
    made.model.eval()
    try:
        with torch.no_grad(), Watch(made.model) as watch:
            torch.func.functional_call(made.model, made.parameters, (points.to(inputs.device),))
    finally:
        made.model.train(mode)
    names = [name for name in watch.seen if name.startswith("activations.") and name.endswith(".output")] + [
        "head.output"
    ]
    layers = {name.removesuffix(".output"): watch.seen[name].value.T[:MOST_UNITS].tolist() for name in names}
    answers = [float(answer) for answer in made.batch.targets]
    return finite(  # type: ignore[no-any-return]
        {
            "names": list(made.task.input_names),
            "low": low.tolist(),
            "high": high.tolist(),
            "side": PLANE,
            "layers": layers,
            "points": [[*row, answer] for row, answer in zip(inputs.tolist(), answers, strict=True)],
            "classes": made.task.loss_name == "cross-entropy",
        }
    )


def verdicts(path: str) -> list[dict[str, Any]]:
    """What the run's numbers say about its health."""
    from fogwalk.run import load

    return [asdict(verdict) for verdict in load(path).verdicts()]


def measures(path: str) -> dict[str, Any]:
    """Every look laid side by side: its form, and each number as nested lists."""
    from fogwalk.insight.form import of_measures
    from fogwalk.runs.folder import RunFolder

    form, tensors = of_measures(RunFolder(Path(path)))
    return finite({"form": form, "numbers": {name: value.tolist() for name, value in tensors.items()}})  # type: ignore[no-any-return]


_ANSWERS: OrderedDict[tuple[str, str, int | None, int | None], Any] = OrderedDict()


def _answered(path: str, prompt: str, row: int | None, at: int | None) -> Any:
    """An answer, made or remembered. A run that goes on may answer otherwise a moment later: only what has a step is kept."""
    from fogwalk.run import load

    key = (path, prompt, row, at)
    if key not in _ANSWERS or at is None:
        while len(_ANSWERS) >= REMEMBERED:
            _ANSWERS.popitem(last=False)
        _ANSWERS[key] = load(path).explain_answer(prompt, row=row, step=at)
    _ANSWERS.move_to_end(key)
    return _ANSWERS[key]


def answer_entry(path: str, prompt: str, at: int | None, name: str, where: dict[str, int]) -> str:
    """Any entry of how a text's answer was made, as `explain --prompt TEXT --at NAME` prints it."""
    return str(_answered(path, prompt, None, at).at(name, **where))


def answer(path: str, prompt: str, row: int | None, at: int | None) -> dict[str, Any]:
    """An answer and what drove it: its structure, its tensors as lists, and its text as `explain --prompt` prints it."""
    told = _answered(path, prompt, row, at)
    tensors = {name: value.tolist() for name, value in told.tensors.items()}
    return finite({"structure": told.structure, "tensors": tensors, "text": repr(told)})  # type: ignore[no-any-return]
