"""What is exported opens in transformers as the same model and the same tokenizer; what cannot be held is refused."""

from __future__ import annotations

import dataclasses
import errno
import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer as Library
from tokenizers import models, pre_tokenizers, processors

from fogwalk.errors import ExportError, RunError
from fogwalk.generation.decode import prompt_ids
from fogwalk.interop import huggingface
from fogwalk.interop.huggingface import FIXED, NAMES, config, export, renamed
from fogwalk.models.transformer import LanguageModel
from fogwalk.run import Run, load, train
from fogwalk.settings import Mlp, Settings, Transformer

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
    pytest.mark.usefixtures("one_thread"),
]

CONTEXT = 128
SHAPE: dict[str, Any] = {"layers": 2, "width": 32, "heads": 4, "context": CONTEXT}


@dataclass(frozen=True)
class Exported:
    """A run and the folder it was exported to, opened in transformers."""

    run: Run
    folder: Path
    model: Any
    tokenizer: Any
    loading: dict[str, Any]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def opened(run: Run, folder: Path) -> Exported:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    export(run, folder)
    both: Any = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, local_files_only=True)
    model, loading = both
    return Exported(run, folder, model.eval(), AutoTokenizer.from_pretrained(folder, local_files_only=True), loading)


CASES: dict[str, dict[str, Any]] = {
    "characters, untied": {"tokenizer": "characters", "shape": {}},
    "characters, tied": {"tokenizer": "characters", "shape": {"tied": True}},
    "bpe, untied": {"tokenizer": "bpe", "shape": {}},
    "bpe, tied": {"tokenizer": "bpe", "shape": {"tied": True}},
    "bytes, tied, grouped heads": {"tokenizer": "bytes", "shape": {"tied": True, "key_value_heads": 2}},
    "bytes, untied, feed-forward width": {"tokenizer": "bytes", "shape": {"feed_forward_width": 20}},
    "characters of several documents": {"tokenizer": "characters", "shape": {}, "several": True},
}


@pytest.fixture(scope="module", params=list(CASES.values()), ids=list(CASES))
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, small_text: str) -> Exported:
    """A run of a few steps for each way a model and its tokenizer can be, exported."""
    case = request.param
    place = tmp_path_factory.mktemp("exported")
    text = place / "texts"
    if case.get("several"):
        text.mkdir()
        for number in range(10):
            (text / f"{number}.txt").write_text(small_text[number * 600 : number * 600 + 900], encoding="utf-8")
    else:
        text.write_text(small_text + "\ncafé 🙂\n" + small_text[:2000], encoding="utf-8")
    run = train(
        str(text),
        quiet=True,
        out=str(place / "run"),
        threads=1,
        data={"tokenizer": case["tokenizer"], **({"vocabulary": 300} if case["tokenizer"] == "bpe" else {})},
        model={**SHAPE, **case["shape"]},
        training={"steps": 8, "batch": 4, "compile": "off", "sample_every": 0, "precision": "float32"},
    )
    return opened(run, place / "out")


def test_no_weight_is_missing_or_left_over(exported: Exported) -> None:
    assert not any(exported.loading.values()), exported.loading
    assert type(exported.model).__name__ == "Qwen3ForCausalLM"
    ours = sum(value.numel() for value in exported.run.model.parameters())
    assert sum(value.numel() for value in exported.model.parameters()) == ours


@torch.no_grad()
def test_logits_in_transformers_equal_ours(exported: Exported) -> None:
    size = exported.run.tokenizer.size
    tokens = torch.randint(size, (3, CONTEXT), generator=torch.Generator().manual_seed(1))
    ours, theirs = exported.run.model(tokens), exported.model(tokens).logits
    assert ours.dtype == theirs.dtype == torch.float32
    assert (ours - theirs).abs().max() <= 1e-5


@pytest.mark.parametrize("prompt", ["the cat sat", "we walk in the fog and"])
def test_64_greedy_tokens_are_identical(exported: Exported, prompt: str) -> None:
    ours = exported.run.generate(prompt, tokens=64, temperature=0)
    read = torch.tensor([exported.tokenizer(prompt, add_special_tokens=False).input_ids])
    theirs = exported.model.generate(
        read, attention_mask=torch.ones_like(read), max_new_tokens=64, do_sample=False, pad_token_id=0
    )
    assert not ours.slid
    assert theirs[0, read.shape[1] :].tolist() == ours.token_ids
    assert len(ours.token_ids) == 64


TEXTS = (
    "the cat sat on the mat",
    "  two  spaces,\n\n\ttabs \r\n and ends ",
    "<unk> and a<unk>b and <UNK>",
    "<|endoftext|> and a<|endoftext|>b",
    "\ufffd and a\ufffdb\ufffd\ufffd",
    "never seen: Zürich, 日本語, \U0001f40d, \x00, \x03, \u2028 and e\u0301",
    "café 🙂",
    "a",
    " ",
)


def ids_of(exported: Exported, text: str) -> list[int]:
    ids: list[int] = exported.tokenizer(text, add_special_tokens=False).input_ids
    return ids


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_token_ids_are_identical(exported: Exported, text: str) -> None:
    ours = exported.run.tokenizer.encode(text).tolist()
    assert ids_of(exported, text) == ours
    # Without special tokens asked for, none are added.
    assert exported.tokenizer(text).input_ids == ours


@settings(deadline=None, max_examples=60, derandomize=True)
@given(text=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("abc <|>unk\ufffd\x03\n"), max_size=30))
def test_token_ids_are_identical_for_any_text(exported: Exported, text: str) -> None:
    assert ids_of(exported, text) == exported.run.tokenizer.encode(text).tolist()


@pytest.mark.parametrize("text", ["the cat sat on the mat", "café 🙂\n", "  two  spaces , and . "])
def test_text_comes_back_from_its_ids_alike(exported: Exported, text: str) -> None:
    ids = exported.run.tokenizer.encode(text).tolist()
    back = exported.tokenizer.decode(ids)
    assert back == exported.run.tokenizer.decode(ids)
    if not exported.run.tokenizer.unknown(text):
        assert back == text


def test_the_end_of_a_document_is_the_same_token(exported: Exported) -> None:
    end = exported.run.tokenizer.end
    assert exported.model.config.eos_token_id == (end if end >= 0 else None)
    assert exported.model.generation_config.eos_token_id == (end if end >= 0 else None)
    if end >= 0:
        assert exported.tokenizer.eos_token_id == end


def test_the_context_is_told_to_both(exported: Exported) -> None:
    assert exported.model.config.max_position_embeddings == CONTEXT
    assert exported.tokenizer.model_max_length == CONTEXT
    assert len(exported.tokenizer) == exported.model.config.vocab_size == exported.run.tokenizer.size


def test_the_folder_holds_what_it_says_and_others_may_read_it(exported: Exported) -> None:
    names = {path.name for path in exported.folder.iterdir()}
    assert names == {
        *("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
    }
    assert (exported.folder / "model.safetensors").stat().st_mode & 0o444 == 0o444
    with safe_open(exported.folder / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert ("lm_head.weight" in set(file.keys())) != exported.run.settings.flat()["model.tied"]


def test_exporting_again_and_opening_the_run_again_write_the_same_bytes(exported: Exported, tmp_path: Path) -> None:
    export(load(exported.run.path), tmp_path / "again")
    for path in exported.folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_prompt_reads_the_same_in_both(exported: Exported) -> None:
    assert prompt_ids(exported.run.tokenizer, "the dog") == ids_of(exported, "the dog")


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory, small_text: str) -> Run:
    """A run of one step whose tokenizer is a person's own, which puts a mark before every text."""
    place = tmp_path_factory.mktemp("small")
    (place / "book.txt").write_text(small_text, encoding="utf-8")
    words = sorted({"[UNK]", "[BOS]", ".", *small_text.replace(".", " ").split()})
    library = Library(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    mark = ("[BOS]", words.index("[BOS]"))
    library.post_processor = processors.TemplateProcessing(single="[BOS] $A", special_tokens=[mark])
    library.save(str(place / "own.json"))
    return train(
        str(place / "book.txt"),
        quiet=True,
        out=str(place / "run"),
        threads=1,
        data={"tokenizer": str(place / "own.json")},
        model={**SHAPE, "layers": 1},
        training={"steps": 1, "batch": 2, "compile": "off", "sample_every": 0, "precision": "float32"},
    )


def test_a_persons_own_tokenizer_gives_equal_ids_without_the_marks_it_adds(small_run: Run, tmp_path: Path) -> None:
    exported = opened(small_run, tmp_path / "out")
    for text in ("the cat sat.", "we walk", "never seen"):
        ours = small_run.tokenizer.encode(text).tolist()
        assert exported.tokenizer(text).input_ids == ids_of(exported, text) == ours
        assert len(ours) == len(text.replace(".", " .").split())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
            "the disk is full",
        ),
        (SafetensorError("I/O error: Permission denied (os error 13)"), "cannot be written: Permission denied"),
        (SafetensorError("something else"), "could not be written: something else"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
    ],
)
@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_is_said_and_leaves_nothing_behind(
    error: Exception, words: str, there: bool, small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(weights: Any, path: Path, **_: Any) -> None:
        Path(path).write_bytes(b"half")
        raise error

    monkeypatch.setattr(huggingface, "save_file", full)
    target = tmp_path / "place" / "out"
    if there:
        target.mkdir(parents=True)
        (target / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=words):
        export(small_run, target)
    left = [path.name for path in (tmp_path / "place").rglob("*")]
    assert left == (["out", "notes.txt"] if there else [])


def test_a_folder_that_is_there_receives_the_files(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    export(small_run, Path())
    export(small_run, Path("new"))
    written = {path.name for path in (tmp_path / "new").iterdir()}
    assert len(written) == 5
    assert {path.name for path in tmp_path.iterdir()} == {*written, "new", "notes.txt"}
    with pytest.raises(RunError, match=r"notes\.txt could not be written"):
        export(small_run, Path("notes.txt"))


CANNOT: dict[str, tuple[str, object]] = {
    **{f"positions {name}": ("positions", name) for name in ("learned", "sinusoidal", "alibi", "none")},
    **{f"normalisation {name}": ("normalisation", name) for name in ("layernorm", "none")},
    "norm-place after": ("norm_place", "after"),
    "query-key-norm false": ("query_key_norm", False),
    "residual false": ("residual", False),
    "biases true": ("biases", True),
    **{
        f"feed-forward {name}": ("feed_forward", name)
        for name in ("relu", "squared-relu", "gelu", "silu", "sigmoid", "tanh")
    },
}


def run_of(model: Transformer | Mlp) -> Run:
    """A run of which nothing but its settings may be asked."""
    return cast(Run, SimpleNamespace(settings=Settings(model=model, model_kind=model.kind)))


@pytest.mark.parametrize(("words", "choice"), list(CANNOT.items()), ids=list(CANNOT))
def test_a_choice_that_qwen3_cannot_hold_is_named_and_nothing_is_written(
    words: str, choice: tuple[str, object], tmp_path: Path
) -> None:
    target = tmp_path / "out"
    with pytest.raises(ExportError) as refused:
        export(run_of(Transformer(**{choice[0]: choice[1]})), target)  # type: ignore[arg-type]
    assert f"cannot hold model.{words}" in str(refused.value)
    assert f"--model.{words.split()[0]}" in refused.value.remedy
    assert not target.exists()


def test_a_plain_network_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="kind mlp"):
        export(run_of(Mlp()), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_choice_of_the_shape_is_either_fixed_or_held() -> None:
    held = {"layers", "width", "heads", "key_value_heads", "context", "feed_forward_width", "tied", "dropout"}
    assert FIXED.keys() | held == {item.name for item in dataclasses.fields(Transformer)}


def test_every_parameter_of_the_default_shape_has_a_name_in_qwen3() -> None:
    names = [name for name, _ in LanguageModel(Transformer(layers=2), 5).named_parameters()]
    new = [renamed(name) for name in names]
    assert len(set(new)) == len(names)
    assert renamed("embedding.weight") == "model.embed_tokens.weight"
    assert renamed("head.weight") == "lm_head.weight"
    assert renamed("layers.11.feed_forward.gate.weight") == "model.layers.11.mlp.gate_proj.weight"
    assert not [name for name in NAMES if not any(name in known for known in names)]


def test_config_writes_the_rotary_base_where_every_version_looks() -> None:
    written = json.loads(json.dumps(config(Transformer(width=48, heads=4, key_value_heads=2), 99, end=7)))
    assert written["rope_theta"] == written["rope_parameters"]["rope_theta"] == 10_000
    assert (written["head_dim"], written["num_key_value_heads"], written["vocab_size"]) == (12, 2, 99)
    assert (written["dtype"], written["torch_dtype"], written["eos_token_id"]) == ("float32", "float32", 7)
