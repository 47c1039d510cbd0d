"""What the page asks of a round table, done at the desk: every head at once, one of them whole, and the numbers of one listener.

Before this   run.py lets the model read a text, with every value that is made on the way.
After this    addresses/round.py sends it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fogwalk.errors import UsageError
from fogwalk.events import finite
from fogwalk.observatory.work.kept import Kept, opened, remembered
from fogwalk.observatory.work.opening import begun
from fogwalk.observatory.work.wire import wired
from fogwalk.runs.folder import RunFolder

if TYPE_CHECKING:
    from torch import Tensor

    from fogwalk.insight.answer import Answering
    from fogwalk.insight.listening import Heard

THUMBNAIL = 32  # squares along each side of a thumbnail, at most; of a longer text each is the largest of its block
LARGEST = 512  # of a head that is drawn whole
MOST_HEADS = 1024  # that have a thumbnail
MOST_NUMBERS = 64  # of a vector
_SEEN: Kept = OrderedDict()  # passes, each with all its numbers: as many as are compared


def opening(path: str) -> str:
    """A text to begin with: what the run's samples go on from, and how the last of them went on."""
    _, run = opened(path)
    if run.settings.task != "language":
        raise UsageError("this run reads no text")
    return begun(run, further=True)


def table(path: str, prompt: str, at: int | None) -> dict[str, Any]:
    """Who sits at the table, what each head does by the words of its habits, and at which steps the run can be looked at."""
    from fogwalk.insight.direct import untold
    from fogwalk.insight.listening import habits, tables
    from fogwalk.insight.telling.habits import habit

    answer, step = _answer(path, prompt, at)
    tokens = [answer.token(0, place) for place in range(len(answer.ids))]
    heads = []
    for layer in tables(answer):
        for head, (found, usual) in enumerate(habits(answer, layer)):
            said, short = habit(found, usual)
            heads.append({"table": layer, "head": head, "said": said, "short": short, "numbers": found})
    best = answer.captured.outputs[0].argmax(-1).tolist()
    folder = RunFolder(Path(path))
    saved = folder.steps_saved()
    return finite(  # type: ignore[no-any-return]  # a dict stays one
        {
            "step": step,
            "listeners": tokens,
            "speakers": tokens,
            "context": answer.model.context,
            "answers": [answer.named(token) for token in best],
            "heads": heads[:MOST_HEADS],
            "all_heads": len(heads),
            "block": _block(len(tokens), THUMBNAIL),
            "whole": _block(len(tokens), LARGEST) == 1,
            "untold": untold(answer.model),
            "steps": sorted({*saved, *_looks(folder)}),
            "saved": saved,
        }
    )


def thumbnails(path: str, prompt: str, at: int | None) -> tuple[list[int], bytes]:
    """The shares of every head, small. [head of all tables, listener, speaker]"""
    import torch

    from fogwalk.insight.listening import shares, tables

    answer, _ = _answer(path, prompt, at)
    every = torch.cat([_blocks(shares(answer, table), THUMBNAIL) for table in tables(answer)])
    return wired(every[:MOST_HEADS])


def head(path: str, prompt: str, at: int | None, name: str, number: int, measure: str) -> tuple[list[int], bytes]:
    """One head in one measure. [listener, speaker]; of a text longer than LARGEST the largest of each block."""
    from fogwalk.insight.listening import measure_of, require_head

    answer, _ = _answer(path, prompt, at)
    require_head(answer, name, number)
    return wired(_blocks(measure_of(measure)(answer, name)[number : number + 1], LARGEST)[0])


def listener(
    path: str, prompt: str, at: int | None, name: str, number: int, place: int | None, speaker: int | None
) -> dict[str, Any]:
    """The numbers of one listener in one head, the last where none is named, and those of one of its speakers, the one it gives
    the largest share where none is named; and the same as `explain --prompt TEXT --at NAME --place P --head H` prints it."""
    from fogwalk.insight.explanation import opened
    from fogwalk.insight.listening import heard
    from fogwalk.insight.telling.entry import Place

    answer, _ = _answer(path, prompt, at)
    place = len(answer.ids) - 1 if place is None else place
    told = heard(answer, name, number, place)
    one = told.one
    speaker = one.strongest if speaker is None else speaker
    if not 0 <= speaker < one.opened:
        raise UsageError(
            f"place {speaker} says nothing to place {place}", expected=f"It may hear the first {one.opened}."
        )
    return finite(  # type: ignore[no-any-return]  # a dict stays one
        {
            "place": place,
            "speaker": speaker,
            "opened": one.opened,
            "width": len(one.query),
            "turned": _turned(answer, name),
            "speakers": _speakers(told),
            "query": _numbers(one.query),
            "key": _numbers(one.keys[speaker]),
            "value": _numbers(one.values[speaker]),
            "heard": _numbers(one.heard),
            "account": {way: getattr(told.account, way) for way in ("formula", "code")},
            "lines": [asdict(line) for line in told.account.lines(one, speaker)],
            "fused": _fused(told),
            "effect": _effect(told, answer, place),
            "text": str(opened(answer, name, Place(place=place, head=number))),
        }
    )


def _answer(path: str, prompt: str, at: int | None) -> tuple[Answering, int]:
    """The pass that makes an answer, and its step: of the run's best model where none is named."""
    from fogwalk.insight.listening import tables

    key, run = opened(path, at)
    step = run.step if at is None else at

    def make() -> Answering:
        seen: Answering = run.seen(prompt, step=step)
        if not tables(seen):
            raise UsageError("this model has no round table: no token listens to another")
        return seen

    return remembered(_SEEN, (*key, prompt, step), make), step


def _looks(folder: RunFolder) -> list[int]:
    """The steps at which the run was looked into while it trained."""
    return [int(file.stem) for file in folder.probes.glob("*.safetensors") if file.stem.isdecimal()]


def _block(places: int, most: int) -> int:
    """Places along each side of a block, of which there are `most` along a side at most."""
    return -(-places // most)


def _blocks(matrices: Tensor, most: int) -> Tensor:
    """[head, time, key] -> [head, side, side]: of each block the number that is furthest from zero."""
    import torch.nn.functional as F

    time, key = matrices.shape[1:]
    each = _block(max(time, key), most)
    if each == 1:
        return matrices
    padded = F.pad(matrices, (0, -key % each, 0, -time % each))
    high, low = F.max_pool2d(padded, each), -F.max_pool2d(-padded, each)
    return high.where(high >= -low, low)


def _numbers(vector: Tensor) -> list[float]:
    return vector[:MOST_NUMBERS].tolist()


def _speakers(told: Heard) -> list[dict[str, float | int | None]]:
    """Of every place what it says to the listener; those whose chair is closed too."""
    one = told.one
    columns: dict[str, Any] = {
        "dot": one.dots,
        "scaled": one.scaled,
        "bias": one.bias,
        "score": one.scores,
        "share": one.shares,
        "size": one.sizes,
        "heard": one.left * one.sizes,
        "effect": told.effects,
    }
    lists = {name: None if column is None else column.tolist() for name, column in columns.items()}
    return [
        {"place": place} | {name: None if every is None else every[place] for name, every in lists.items()}
        for place in range(len(one.shares))
    ]


def _fused(told: Heard) -> dict[str, Any]:
    """The numbers that the output matrix makes of all heads, the largest first."""
    fused = told.fused
    order = fused.output.abs().argsort(descending=True, stable=True)[:MOST_NUMBERS].tolist()
    bias = fused.bias
    rows = [
        {
            "unit": unit,
            "parts": fused.parts[unit].tolist(),
            "bias": None if bias is None else float(bias[unit]),
            "output": float(fused.output[unit]),
        }
        for unit in order
    ]
    return {"width": len(fused.output), "rows": rows}


def _effect(told: Heard, answer: Answering, place: int) -> dict[str, Any] | None:
    """What the heads, and the layer, add to the score of the token that the listener finds likeliest."""
    if told.by_head is None or told.layer is None:
        return None
    token = int(answer.captured.outputs[0, place].argmax())
    heads: list[float] = told.by_head.tolist()
    return {"token": answer.named(token), "heads": heads, "bias": told.layer - sum(heads), "layer": told.layer}


def _turned(answer: Answering, name: str) -> str:
    """What was done to query and key before they meet, in words."""
    module: Any = answer.model.get_submodule(name)
    done = []
    if answer.work(name).has("query_norm.output"):
        done.append("normalised in each head")
    if hasattr(module.__dict__["positions"], "cosine"):
        done.append("turned by its place (rotary positions)")
    return " and ".join(done)
