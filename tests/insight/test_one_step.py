"""One step of a run: the run's own to the bit, whatever it is, told in words and as data; and what cannot be told, in words."""

from __future__ import annotations

import dataclasses
import html
import json
import shutil
from pathlib import Path

import pytest
import torch

from fogwalk.errors import DataError, Diverged, FogwalkError, RunError, UsageError
from fogwalk.insight import again
from fogwalk.insight import capture as capturing
from fogwalk.insight.accounts.protocol import number
from fogwalk.insight.again import explain
from fogwalk.insight.explanation import Explanation
from fogwalk.insight.form import of_measures, of_step, read, write
from fogwalk.insight.one_step import Step
from fogwalk.insight.recorder import looks
from fogwalk.insight.seen import account_of
from fogwalk.insight.telling.layout import width
from fogwalk.run import load
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace, read_all
from fogwalk.settings import Source
from fogwalk.trainer import resume
from fogwalk.training import waypoints
from fogwalk.training.replay import Replay

from .conftest import RUNS, SHORT, TEXT, trained

EACH = pytest.mark.parametrize("name", list(RUNS))


@EACH
@pytest.mark.parametrize("step", [1, 6, 12])
def test_the_step_that_is_told_is_the_runs_own_to_the_bit(name: str, step: int, runs: dict[str, RunFolder]) -> None:
    told = explain(runs[name], step)
    assert told.replayed == told.logged == loss_trace(runs[name].events)[step]
    loose = 0.02 if name == "bfloat16" else 1e-5
    assert told.loss == pytest.approx(told.logged, rel=loose)
    record = next(one for one in read_all(runs[name].events) if one["event"] == "step" and one["step"] == step)
    assert told.rate == record["learning_rate"]
    assert told.norm == pytest.approx(record["gradient_norm"], rel=0.05 if name == "bfloat16" else 1e-4)
    assert told.made
    assert told.after is not None


def test_without_a_step_the_last_is_told(runs: dict[str, RunFolder]) -> None:
    assert explain(runs["table"]).step == 12


@pytest.mark.parametrize(
    "changes",
    [
        TEXT,
        TEXT | {"training.label_smoothing": 0.2},
        RUNS["table"] | {"training.label_smoothing": 0.2, "training.class_weights": "balanced"},
        RUNS["table"] | {"training.class_weights": "balanced", "training.accumulate": 4, "training.batch": 32},
        RUNS["numbers"] | {"training.loss": "huber", "training.accumulate": 2, "training.batch": 16},
    ],
    ids=[
        "text",
        "text, smoothed",
        "classes, smoothed and weighted",
        "classes, weighted in portions",
        "numbers in portions",
    ],
)
def test_the_loss_that_is_told_is_the_tasks_own(
    changes: dict[str, object], runs: dict[str, RunFolder], tmp_path: Path
) -> None:
    folder = trained(tmp_path / "run", {"data.path": (str(runs["text"].path.parent / "book.txt"),)} | changes)
    step = explain(folder, 9)
    each = step.lost.each(step.captured.outputs, step.batch.targets)
    assert float((each * step.counted).sum()) == pytest.approx(step.loss, rel=1e-5)
    assert step.loss == pytest.approx(step.logged, rel=1e-5)
    blame = step.lost.blame(step.captured.outputs, step.batch.targets, step.counted)
    assert torch.allclose(blame, step.values["output"].gradient, rtol=1e-3, atol=1e-7)
    smoothed = "training.label_smoothing" in changes and step.settings.task != "language"  # of a text it does nothing
    assert ("s·mean" in repr(Explanation(step))) == smoothed


@EACH
def test_looking_changes_no_weight(name: str, runs: dict[str, RunFolder], tmp_path: Path) -> None:
    """Bit for bit, with a look at every step and with none."""
    path = (str(runs["text"].path.parent / "book.txt"),)
    blind = trained(tmp_path / "blind", {"data.path": path} | RUNS[name] | {"insight.every": 0})
    seeing = trained(tmp_path / "seeing", {"data.path": path} | RUNS[name] | {"insight.every": 1})
    assert not blind.probes.exists()
    assert [step for step, _ in looks(seeing)] == list(range(13))
    for file in ("model.safetensors", "optimizer.safetensors"):
        assert (blind.checkpoint(12) / file).read_bytes() == (seeing.checkpoint(12) / file).read_bytes()
    assert loss_trace(blind.events) == loss_trace(seeing.events)


def test_a_run_that_was_extended_is_told_on_both_sides(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    shutil.copytree(runs["text"].path, tmp_path / "run")
    folder = resume(str(tmp_path / "run"), [Source("test", {"training.steps": 20})])
    for step in (10, 13, 20):
        told = explain(folder, step)
        assert told.replayed == told.logged


@pytest.fixture
def _a_waypoint_each_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(waypoints, "SECONDS", 1e-9)
    monkeypatch.setattr(waypoints, "SHARE", 1.0)


@pytest.mark.usefixtures("_a_waypoint_each_step")
def test_a_waypoint_is_the_run_at_that_step(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    path = (str(runs["text"].path.parent / "book.txt"),)
    folder = trained(tmp_path / "run", {"data.path": path} | TEXT | {"training.save_every": 12})
    near = explain(folder, 10)
    assert near.began_at == 9
    (waypoints.place(folder) / "000009" / "state.safetensors").write_bytes(b"torn")
    passed_over = explain(folder, 10)
    assert passed_over.began_at == 8
    shutil.rmtree(waypoints.place(folder))
    far = explain(folder, 10)
    assert far.began_at == 6, "the checkpoint that was validated"
    for other in (passed_over, far):
        assert other.loss == near.loss
        for name, moved in other.moved.items():
            assert torch.equal(moved.new, near.moved[name].new)
    assert near.replayed == near.logged


@pytest.mark.usefixtures("_a_waypoint_each_step")
def test_a_resume_forgets_the_waypoints_it_makes_anew(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    path = (str(runs["text"].path.parent / "book.txt"),)
    folder = trained(tmp_path / "run", {"data.path": path} | TEXT)
    shutil.rmtree(folder.checkpoint(12))
    folder = resume(str(folder.path), [Source("test", {"training.steps": 16})])
    for step in (8, 11, 15):
        told = explain(folder, step)
        assert told.replayed == told.logged
        assert told.began_at == step - 1


@pytest.mark.usefixtures("_a_waypoint_each_step")
def test_waypoints_stay_within_their_room(
    runs: dict[str, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waypoints, "MOST_BYTES", 2_000_000)
    path = (str(runs["text"].path.parent / "book.txt"),)
    folder = trained(tmp_path / "run", {"data.path": path} | TEXT)
    kept = sum(file.stat().st_size for file in waypoints.place(folder).rglob("*.safetensors"))
    assert 0 < kept <= 2_000_000


@pytest.mark.usefixtures("_a_waypoint_each_step")
def test_waypoints_leave_a_disk_that_is_nearly_full_alone(
    runs: dict[str, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waypoints, "free_bytes", lambda place: 20_000_000)
    path = (str(runs["text"].path.parent / "book.txt"),)
    folder = trained(tmp_path / "run", {"data.path": path} | TEXT)
    assert not waypoints.place(folder).exists()


@pytest.mark.parametrize("course", ["fused attention that drops", "replanned"])
def test_a_run_of_a_course_of_its_own_is_told_to_the_bit(
    course: str, runs: dict[str, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = (str(runs["text"].path.parent / "book.txt"),)
    values: dict[str, object] = {"data.path": path} | TEXT | {"model.context": 544, "training.batch": 2}
    if course == "replanned":
        values = {"data.path": path} | TEXT | {"minutes": 0.0, "training.convergence_noise": 0.1}
        values |= {"model.dropout": 0.0, "optimizer.learning_rate": 0.05, "training.evaluate_every": 5}
        del values["training.steps"]
    folder = trained(tmp_path / "run", values)
    losses = loss_trace(folder.events)
    for step in (1, len(losses) // 2, len(losses)):
        told = explain(folder, step)
        assert told.replayed == told.logged == losses[step]
    if course == "replanned":
        assert any(one["event"] == "replanned" for one in read_all(folder.events))
    else:
        assert told.loss != told.logged, "what is dropped is drawn otherwise, and that is said"
        assert "other values are dropped" in " ".join(repr(Explanation(told)).split())


# -- words -------------------------------------------------------------------------------------------------------------


@EACH
def test_the_text_fits_a_hundred_columns_and_names_every_station(name: str, runs: dict[str, RunFolder]) -> None:
    explanation = Explanation(explain(runs[name], 7))
    text = repr(explanation)
    assert max(map(len, text.splitlines())) <= 100
    for station in ("1 batch", "2 forward", "3 loss", "4 blame", "5 update", "6 again"):
        assert station in text
    assert "the same to the bit" in text
    assert explanation._repr_html_().startswith("<pre>")
    assert "nan" not in text


@EACH
@pytest.mark.parametrize("columns", [40, 60])
def test_the_text_fits_a_narrow_terminal_and_loses_nothing(
    name: str, columns: int, runs: dict[str, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    explanation = Explanation(explain(runs[name], 7))
    whole = repr(explanation)
    monkeypatch.setenv("COLUMNS", str(columns))
    narrow = repr(explanation)
    assert max(map(width, narrow.splitlines())) <= columns
    words = "".join(narrow.split())
    for word in whole.split():
        assert word in words, "as long as no word is wider than the terminal"
    for one in [*filter(None, explanation.step.modules()), *explanation.step.moved, "loss"]:
        assert max(map(width, explanation.at(one).splitlines())) <= columns, one


@EACH
def test_every_name_can_be_looked_at(name: str, runs: dict[str, RunFolder]) -> None:
    explanation = Explanation(explain(runs[name], 7))
    step = explanation.step
    for one in [*filter(None, step.modules()), *step.values, *step.moved, "loss"]:
        lines = explanation.at(one).splitlines()
        assert len(lines) >= 2, one
        assert max(map(len, lines)) <= 100, one


def test_modules_of_strangers_are_shown_without_a_formula(runs: dict[str, RunFolder]) -> None:
    class Stranger(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    step = explain(runs["table"], 3)
    step.model.activations[0] = Stranger()
    assert "No formula is known for Stranger" in Explanation(step).at("activations.0")
    Stranger.__name__ = "Activation"
    assert account_of(Stranger()) is None, "another's class may be called as one of ours is"


def test_the_entry_that_is_asked_for_is_told(runs: dict[str, RunFolder]) -> None:
    explanation = Explanation(explain(runs["text"], 7))
    told = explanation.at("layers.1.attention", row=2, place=5, head=1, unit=3)
    assert told.startswith("layers.1.attention, step 7: row 2, place 5, unit 3")
    assert "head 1: place 5 listens to" in told
    assert "head 0" not in told.replace("(head 0)", "")
    weights = explanation.step.values["layers.1.attention.weights"].value[2, 1, 5]
    assert f"{float(weights.max()):.4f}" in told


def test_an_entry_shows_itself(runs: dict[str, RunFolder]) -> None:
    entry = Explanation(explain(runs["table"], 3)).at("head")
    assert repr(entry) == str(entry)
    assert entry.startswith("head, step 3")
    assert entry._repr_html_() == f"<pre>{html.escape(entry)}</pre>"


@pytest.mark.parametrize(
    "asked",
    [{"step": "5"}, {"step": 5.0}, {"step": True}, {"row": "1"}],
)
def test_what_is_no_whole_number_is_refused(asked: dict[str, object], runs: dict[str, RunFolder]) -> None:
    with pytest.raises(UsageError, match="It is a whole number"):
        load(runs["table"].path).explain(**asked)


def test_an_entry_of_what_is_no_name_or_number_is_refused(runs: dict[str, RunFolder]) -> None:
    explanation = Explanation(explain(runs["table"], 3))
    for flag in ("row", "place", "unit", "head"):
        for value in ("1", 1.5, True):
            with pytest.raises(UsageError, match=f"--{flag} cannot be"):
                explanation.at("head", **{flag: value})
    with pytest.raises(UsageError, match="a name cannot be"):
        explanation.at(None)
    with pytest.raises(UsageError, match="a parameter belongs to no record"):
        explanation.at("head.weight", row=1)


def test_what_explaining_keeps_stays_within_its_room(
    runs: dict[str, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = runs["patches"]
    shutil.rmtree(waypoints.place(folder), ignore_errors=True)
    monkeypatch.setattr(waypoints, "SECONDS", 0.0)
    state = Path(waypoints.place(folder))
    for most, expected in ((0, 0), (10**9, 1)):
        monkeypatch.setattr(waypoints, "MOST_BYTES", most)
        explain(folder, 3)
        assert (len(list(state.iterdir())) if state.is_dir() else 0) == expected


def test_a_damaged_checkpoint_that_is_passed_over_is_said(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    shutil.copytree(runs["table"].path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    near = max(step for step in folder.steps_saved() if step < 12)
    (folder.checkpoint(near) / "model.safetensors").write_bytes(b"torn")
    told = explain(folder, 12)
    assert told.replayed == told.logged
    said = "".join(repr(Explanation(told)).split())  # a long path is cut over two lines
    assert f"passedoveradamagedcheckpoint:{folder.checkpoint(near)}" in said
    assert "damaged" not in repr(Explanation(explain(runs["table"], 12)))


# -- what cannot be told -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "words"),
    [(0, "counted from 1"), (-3, "counted from 1"), (13, "It has made 12 steps"), (10**9, "--step 12")],
)
def test_a_step_that_was_not_made_is_told(step: int, words: str, runs: dict[str, RunFolder]) -> None:
    with pytest.raises(UsageError, match=words):
        explain(runs["table"], step)


def test_a_checkpoint_that_is_gone_says_which_steps_can_be_told(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    shutil.copytree(runs["table"].path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    shutil.rmtree(folder.checkpoint(0))
    first = folder.steps_saved()[0]
    assert explain(folder, 12).replayed is not None
    with pytest.raises(RunError, match=f"Steps {first + 1} to 12 can"):
        explain(folder, 2)
    for step in folder.steps_saved():
        (folder.checkpoint(step) / "model.safetensors").write_bytes(b"")
    with pytest.raises(FogwalkError, match=r"no checkpoint of .* is intact"):
        explain(folder, 12)


def test_a_step_of_a_run_whose_data_changed_is_told(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    shutil.copy(runs["text"].path.parent / "book.txt", book)
    folder = trained(tmp_path / "run", {"data.path": (str(book),)} | TEXT)
    book.write_text("another text altogether. " * 400)
    with pytest.raises(DataError, match="has changed since this run began"):
        explain(folder, 3)
    book.unlink()
    with pytest.raises(DataError):
        explain(folder, 3)


def test_a_run_of_a_newer_version_is_told(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    shutil.copytree(runs["table"].path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    progress = folder.checkpoint(0) / "progress.json"
    progress.write_text(json.dumps(json.loads(progress.read_text()) | {"format": 99}))
    with pytest.raises(FogwalkError):
        explain(folder, 1)


def test_a_name_is_known_before_the_step_is_made(runs: dict[str, RunFolder], monkeypatch: pytest.MonkeyPatch) -> None:
    known = explain(runs["text"], 7)
    monkeypatch.setattr(again, "taken", lambda *given, **named: known)
    for name in [*known.values, *known.moved, *filter(None, known.modules()), "loss"]:
        explain(runs["text"], 7, name)
    monkeypatch.setattr(Replay, "to", None)
    with pytest.raises(UsageError, match=r"Did you mean head\.weight"):
        explain(runs["text"], 7, "head.wait")


def test_a_model_that_memory_cannot_hold_is_told(runs: dict[str, RunFolder], monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = sum(moved.old.nbytes for moved in explain(runs["table"], 7).moved.values())
    monkeypatch.setattr(again, "free_memory", lambda device: again.COPIES * parameters)
    assert explain(runs["table"], 7).made
    monkeypatch.setattr(again, "free_memory", lambda device: again.COPIES * parameters - 1)
    with pytest.raises(RunError, match="a step of this model takes about"):
        explain(runs["table"], 7)


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [
        ("layers.1.atention", {}, "Did you mean layers.1.attention"),
        ("nonsense", {}, "There are: embedding"),
        ("layers.1.attention", {"row": 99}, "--row 99 is outside"),
        ("layers.1.attention", {"place": 99}, "There are 16, counted from 0"),
        ("layers.1.attention", {"unit": 32}, "There are 32, counted from 0"),
        ("layers.1.attention.weights", {"head": 2}, "--head 2 is outside"),
        ("head.weight", {"unit": 1000}, "--unit 1000 is outside"),
        ("loss", {"place": 16}, "--place 16 is outside"),
    ],
)
def test_a_place_there_is_not_is_told(name: str, place: dict[str, int], words: str, runs: dict[str, RunFolder]) -> None:
    explanation = Explanation(explain(runs["text"], 3))
    with pytest.raises(UsageError, match=words):
        explanation.at(name, **place)


def test_a_step_that_ended_the_run_is_told(tmp_path: Path) -> None:
    values = SHORT | {
        "data.path": ("sample:diabetes",),
        "model.hidden": (8,),
        "model.activation": "squared-relu",
        "optimizer.name": "sgd",
        "optimizer.learning_rate": 1000.0,
        "optimizer.clip": 0.0,
        "optimizer.warmup": 0.0,
        "training.steps": 40,
    }
    with pytest.raises(Diverged):
        trained(tmp_path / "run", values)
    folder = RunFolder(tmp_path / "run")
    last = max(loss_trace(folder.events), default=0)
    told = explain(folder, last + 1)
    assert not told.made
    assert told.replayed is None
    assert "a number was not finite" in repr(Explanation(told))
    for name, moved in told.moved.items():
        assert torch.equal(moved.old, moved.new), name


def test_a_batch_that_is_too_much_is_kept_in_part(runs: dict[str, RunFolder], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = explain(runs["mlp"], 5)
    each = 2 * sum({id(value.value): value.value[:1].numel() for value in whole.values.values()}.values())
    monkeypatch.setattr(capturing, "MOST", each * 2)
    part = explain(runs["mlp"], 5)
    assert 1 <= part.captured.rows < 4 == whole.captured.rows
    assert part.loss == pytest.approx(whole.loss, rel=1e-5)
    for name, moved in part.moved.items():
        assert torch.allclose(moved.gradient, whole.moved[name].gradient, rtol=1e-3, atol=1e-6), name
    assert "are looked into" in repr(Explanation(part))
    with pytest.raises(UsageError, match="counted from 0"):
        part.require_row(3)
    monkeypatch.setattr(capturing, "MOST", 10)
    with pytest.raises(RunError, match="Look into a smaller model"):
        explain(runs["mlp"], 5)


# -- data --------------------------------------------------------------------------------------------------------------


@EACH
def test_a_step_as_data_comes_back_as_it_was(name: str, runs: dict[str, RunFolder], tmp_path: Path) -> None:
    step = explain(runs[name], 7)
    write(tmp_path, *of_step(step))
    structure, tensors = read(tmp_path, "step")
    assert structure["loss"] == {
        "logged": step.logged,
        "replayed": step.replayed,
        "recomputed": step.loss,
        "after": step.after,
    }
    stored(step, structure, tensors)
    assert float((tensors["each"] * tensors["counted"]).sum()) == pytest.approx(step.loss, rel=1e-5)
    assert {module["path"] for module in structure["modules"]} == set(step.modules())


def stored(step: Step, structure: dict, tensors: dict[str, torch.Tensor]) -> None:  # type: ignore[type-arg]
    assert [value["name"] for value in structure["values"]] == list(step.values)
    for form in structure["values"]:
        value = step.values[form["name"]]
        where = form["same_as"] or form["name"]
        assert torch.equal(tensors[f"value/{where}"], value.value), form["name"]
        assert form["axes"] == list(value.axes)
        assert form["blame"] == (value.gradient is not None)
        if value.gradient is not None:
            assert torch.equal(tensors[f"blame/{where}"], value.gradient), form["name"]
    for form in structure["parameters"]:
        moved = step.moved[form["name"]]
        for field in dataclasses.fields(moved):
            tensor = getattr(moved, field.name)
            if isinstance(tensor, torch.Tensor):
                assert torch.equal(tensors[f"{field.name}/{form['name']}"], tensor)
        for what in form["memory"]:
            assert torch.equal(tensors[f"remembered/{form['name']}/{what}"], moved.remembered[what])


def test_measures_as_data_are_the_looks_side_by_side(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    write(tmp_path, *of_measures(runs["text"]))
    structure, tensors = read(tmp_path, "measures")
    assert structure["steps"] == [0, 3, 6, 9, 12]
    assert structure["axes"]["entropy/layers.0.attention"] == ["head"]
    for at, (_, numbers) in enumerate(looks(runs["text"])):
        for name, value in numbers.items():
            assert torch.equal(tensors[name][at], value)
    assert torch.isnan(tensors["change/head.weight"][0]), "nothing was moved yet"
    assert not torch.isnan(tensors["change/head.weight"][1:]).any()


def test_data_of_another_version_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"format": 2, "kind": "step"}, {})
    with pytest.raises(RunError, match="reads format 1"):
        read(tmp_path, "step")
    with pytest.raises(RunError, match="no measures that can be read"):
        read(tmp_path, "measures")


# -- looking harms no training -----------------------------------------------------------------------------------------


def test_a_look_that_fails_ends_no_training(
    runs: dict[str, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = (str(runs["text"].path.parent / "book.txt"),)
    whole = trained(tmp_path / "whole", {"data.path": path} | TEXT)
    monkeypatch.setattr(capturing, "MOST", 10)
    folder = trained(tmp_path / "run", {"data.path": path} | TEXT)
    assert loss_trace(folder.events) == loss_trace(whole.events)
    said = [record["message"] for record in read_all(folder.events) if record["event"] == "warned"]
    assert len(said) == 1
    assert said[0].startswith("this run is not looked into any more: one record of this model makes")
    assert list(looks(folder)) == []


def test_a_last_look_that_fails_loses_no_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fogwalk.insight.recorder import Recorder

    def fail(recorder: Recorder) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] . DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Recorder, "ending", fail)
    folder = trained(tmp_path / "run", SHORT | {"data.path": ("sample:moons",)})
    assert folder.status()["state"] == "finished"
    assert list(read_all(folder.events))[-1]["event"] == "stopped"


def test_windows_of_a_long_context_are_looked_at_in_part(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    path = (str(runs["text"].path.parent / "book.txt"),)
    values = TEXT | {"model.context": 600, "training.steps": 2, "training.batch": 2, "training.accumulate": 1}
    folder = trained(tmp_path / "run", {"data.path": path} | values)
    assert [step for step, _ in looks(folder)] == [0, 2]
    told = explain(folder, 2)
    assert told.loss == pytest.approx(told.logged, rel=1e-3)
    assert "draw what dropout takes out by themselves" in " ".join(repr(Explanation(told)).split())


def test_a_resume_that_does_not_look_forgets_what_lies_beyond_it(
    runs: dict[str, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(waypoints, "SECONDS", 0.0)
    monkeypatch.setattr(waypoints, "SHARE", 1.0)
    path = (str(runs["text"].path.parent / "book.txt"),)
    folder = trained(tmp_path / "run", {"data.path": path} | TEXT | {"optimizer.schedule": "cosine"})
    for step in (8, 12):
        shutil.rmtree(folder.checkpoint(step), ignore_errors=True)
    folder = resume(str(folder.path), [Source("test", {"training.steps": 16, "insight.every": 0})])
    assert max(step for step, _ in looks(folder)) <= 6
    for step in (8, 10, 12):
        told = explain(folder, step)
        assert told.replayed == told.logged


def test_a_waypoint_of_another_course_is_passed_over(
    runs: dict[str, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = (str(runs["text"].path.parent / "book.txt"),)
    folder = trained(tmp_path / "run", {"data.path": path} | TEXT)
    other = trained(tmp_path / "other", {"data.path": path, "seed": 5} | TEXT)
    from fogwalk.training.replay import replaying

    with replaying(other, 0) as replay:
        replay.to(3)
        waypoints.save(folder, replay.state, (other.checkpoint(0) / "settings.toml").read_text())
    told = explain(folder, 4)
    assert told.replayed == told.logged
    assert not told.waypoint


def test_states_too_large_for_their_room_are_not_written(
    runs: dict[str, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(waypoints, "SECONDS", 0.0)
    monkeypatch.setattr(waypoints, "SHARE", 1.0)
    monkeypatch.setattr(waypoints, "MOST_BYTES", 100_000)
    path = (str(runs["text"].path.parent / "book.txt"),)
    folder = trained(tmp_path / "run", {"data.path": path} | TEXT)
    assert not waypoints.place(folder).exists()


def test_weights_of_classes_hold_in_a_batch_that_is_kept_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = SHORT | {"data.path": ("sample:wine",), "model.hidden": (6,), "model.dropout": 0.0}
    more = {"training.batch": 16, "training.accumulate": 2, "training.class_weights": "balanced"}
    folder = trained(tmp_path / "run", values | more)
    whole = explain(folder, 5)
    each = 2 * sum({id(value.value): value.value[:1].numel() for value in whole.values.values()}.values())
    monkeypatch.setattr(capturing, "MOST", each * 3)
    part = explain(folder, 5)
    assert part.captured.rows < 16
    assert part.loss == pytest.approx(whole.loss, rel=1e-5)
    assert part.norm == pytest.approx(whole.norm, rel=1e-4)
    blame = part.lost.blame(part.captured.outputs, part.batch.targets, part.counted)
    assert torch.allclose(blame, part.values["output"].gradient, rtol=1e-3, atol=1e-7)


# -- what is said nothing of -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [
        ("layers.1.attention", {"head": 2}, "--head 2 is outside"),
        ("head", {"head": 0}, "has no heads"),
        ("norm.weight", {"place": 3}, "has no columns"),
        ("head.weight", {"place": 32}, "--place 32 is outside"),
        ("loss", {"unit": 5}, "says nothing of the loss"),
        ("", {}, "nothing in this model is called ''"),
    ],
)
def test_a_flag_that_says_nothing_is_refused(
    name: str, place: dict[str, int], words: str, runs: dict[str, RunFolder]
) -> None:
    explanation = Explanation(explain(runs["text"], 3))
    with pytest.raises(UsageError, match=words):
        explanation.at(name, **place)


def test_a_row_of_a_table_has_no_places(runs: dict[str, RunFolder]) -> None:
    with pytest.raises(UsageError, match="has no places"):
        Explanation(explain(runs["table"], 3)).at("layers.0", place=1)


def test_the_mask_closes_later_chairs(runs: dict[str, RunFolder]) -> None:
    explanation = Explanation(explain(runs["text"], 3))
    for place in (0, 3, 9):
        told = explanation.at("layers.0.attention.scores", place=place, head=1).splitlines()[0]
        assert int(told.rpartition("key ")[2]) <= place
        assert f"closed: the {15 - place} places after it" in explanation.at("layers.0.attention", place=place)


def test_every_pixel_and_every_dial_of_a_kernel_can_be_looked_at(runs: dict[str, RunFolder]) -> None:
    explanation = Explanation(explain(runs["images"], 3))
    step = explanation.step
    assert "channel 5, pixel row 1, pixel column 2" in explanation.at("layers.0", unit=5, place=10)
    old = float(step.moved["layers.1.weight"].old[3, 2, 1, 0])
    assert f"W = {number(old)}" in explanation.at("layers.1.weight", unit=3, place=2 * 9 + 3)


def test_one_matrix_under_two_names_is_found_by_both(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    path = (str(runs["text"].path.parent / "book.txt"),)
    folder = trained(tmp_path / "run", {"data.path": path} | TEXT | {"model.tied": True})
    explanation = Explanation(explain(folder, 3))
    assert explanation.at("head.weight", unit=2, place=1) == explanation.at("embedding.weight", unit=2, place=1)


def test_what_dropout_leaves_of_attention_is_what_is_told(runs: dict[str, RunFolder]) -> None:
    """Each listener's line ∂L/∂p is autograd's."""
    step = explain(runs["text"], 7)
    work = step.work("layers.1.attention")
    assert work.has("kept")
    account = account_of(work.module)
    assert account is not None
    for place in range(16):
        told = account.told(work, (1, place, 0))
        lines = [line for line in told.backward if line.formula.startswith("∂L/∂p")]
        for head, line in enumerate(lines):
            to = int(work.value("weights")[1, head, place].argmax())
            assert line.result == pytest.approx(float(work.blame("weights")[1, head, place, to]), rel=1e-3, abs=1e-9)


def test_a_run_whose_events_are_gone_is_told(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    shutil.copytree(runs["table"].path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    folder.events.unlink()
    with pytest.raises(RunError, match="holds no steps, but the run has a checkpoint of step 12"):
        explain(folder, 3)


def test_numbers_that_are_none_are_null_in_the_data(tmp_path: Path) -> None:
    write(tmp_path, {"format": 1, "kind": "step", "loss": {"after": float("inf"), "logged": [float("nan"), 1.0]}}, {})
    assert read(tmp_path, "step")[0]["loss"] == {"after": None, "logged": [None, 1.0]}
