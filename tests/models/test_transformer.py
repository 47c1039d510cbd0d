"""The whole transformer: its gradients against finite differences, its numbers against Qwen3, its past against its future."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fogwalk.interop.huggingface import config, renamed
from fogwalk.models.transformer import LanguageModel
from fogwalk.objectives.losses import cross_entropy
from fogwalk.settings import ACTIVATIONS, PRESETS, Optimizer, Transformer
from fogwalk.training.optimizers.adamw import build as adamw

VOCABULARY = 11
SMALL: dict[str, Any] = {"layers": 2, "width": 16, "heads": 4, "context": 8}
POSITIONS = ("rotary", "learned", "sinusoidal", "alibi", "none")

# Every option of the model, one at a time beside the defaults.
OPTIONS: dict[str, dict[str, Any]] = {
    "default (rotary, rmsnorm before, gated-silu)": {},
    **{f"positions {name}": {"positions": name} for name in POSITIONS[1:]},
    "rmsnorm after": {"norm_place": "after"},
    "layernorm before": {"normalisation": "layernorm"},
    "layernorm after": {"normalisation": "layernorm", "norm_place": "after"},
    "no normalisation": {"normalisation": "none"},
    **{f"feed-forward {name}": {"feed_forward": name} for name in ACTIVATIONS[1:]},
    "residual off": {"residual": False},
    "biases": {"biases": True},
    "tied": {"tied": True},
    "grouped key-value heads": {"key_value_heads": 2},
    "one key-value head": {"key_value_heads": 1},
    "query-key norm off": {"query_key_norm": False},
    "feed-forward width": {"feed_forward_width": 5},
}
OPTION = pytest.mark.parametrize("option", list(OPTIONS.values()), ids=list(OPTIONS))


pytestmark = pytest.mark.usefixtures("one_thread")


def small(option: dict[str, Any], seed: int = 0, **more: Any) -> LanguageModel:
    """A small model with all parameters drawn at random: as they are initialised, many gradients are zero."""
    model = LanguageModel(Transformer(**{**SMALL, **more, **option}), VOCABULARY)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            size = 1.0 if name.startswith("embedding") and not model.shape.tied else parameter.shape[1] ** -0.5
            nn.init.normal_(parameter, std=size, generator=generator)
        else:
            middle = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            nn.init.normal_(parameter, middle, 0.3, generator=generator)
    return model


def some_tokens(batch: int = 2, time: int = 8, seed: int = 1) -> Tensor:
    """Random tokens. [batch, time]"""
    return torch.randint(VOCABULARY, (batch, time), generator=torch.Generator().manual_seed(seed))


def loss_of(model: nn.Module, tokens: Tensor) -> Tensor:
    """How wrong the model is about each next token."""
    return cross_entropy(model(tokens[:, :-1]), tokens[:, 1:])


def greatest_difference(model: nn.Module, tokens: Tensor, count: int = 200, step: float = 1e-6) -> float:
    """Largest distance of a gradient from its central finite difference, as a share of its tensor's largest gradient.

    Compared with the tensor and not each by itself: a gradient near zero loses its digits to rounding alone.
    """
    loss_of(model, tokens).backward()
    parameters = list(model.parameters())
    ends = torch.tensor([parameter.numel() for parameter in parameters]).cumsum(0)
    drawn = torch.randperm(int(ends[-1]), generator=torch.Generator().manual_seed(2))[:count]
    greatest = 0.0
    for number in drawn.tolist():
        which = int(torch.searchsorted(ends, number, right=True))
        parameter = parameters[which]
        assert parameter.grad is not None
        place = number - int(ends[which]) + parameter.numel()
        values, gradient = parameter.detach().view(-1), parameter.grad.view(-1)
        before = float(values[place])
        with torch.no_grad():
            values[place] = above = before + step
            loss_above = float(loss_of(model, tokens))
            values[place] = below = before - step
            loss_below = float(loss_of(model, tokens))
            values[place] = before
        difference = (loss_above - loss_below) / (above - below)
        scale = float(gradient.abs().max())
        assert scale > 1e-6, "a tensor without any gradient shows nothing"
        greatest = max(greatest, abs(difference - float(gradient[place])) / scale)
    return greatest


@OPTION
def test_gradients_equal_finite_differences(option: dict[str, Any]) -> None:
    assert greatest_difference(small(option).double(), some_tokens()) <= 1e-6


@pytest.mark.parametrize("option", [{"positions": name} for name in POSITIONS], ids=POSITIONS)
def test_gradients_equal_finite_differences_through_the_fused_kernel(option: dict[str, Any]) -> None:
    model = small(option, key_value_heads=2).double()
    model.use_attention("fused")
    assert greatest_difference(model, some_tokens()) <= 1e-6


@OPTION
def test_every_parameter_is_learned(option: dict[str, Any]) -> None:
    model = small(option)
    loss_of(model, some_tokens(batch=4, time=9)).backward()
    unmoved = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert unmoved == []


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("attention", ["exact", "fused"])
@pytest.mark.parametrize("key_value_heads", [4, 2], ids=["all heads", "grouped heads"])
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_forward_and_backward_equal_qwen3_in_transformers(tied: bool, key_value_heads: int, attention: str) -> None:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    ours = small({"tied": tied, "key_value_heads": key_value_heads}, width=32, context=16, layers=3)
    ours.use_attention(attention)
    theirs = Qwen3ForCausalLM(Qwen3Config(**config(ours.shape, VOCABULARY, None)))
    weights = {renamed(name): value.detach().clone() for name, value in ours.named_parameters()}
    missing, unexpected = theirs.load_state_dict(weights, strict=False)
    assert unexpected == []
    assert missing == (["lm_head.weight"] if tied else [])

    tokens = some_tokens(batch=3, time=17)
    logits = theirs(tokens[:, :-1]).logits
    assert (ours(tokens[:, :-1]) - logits).abs().max() <= 1e-5

    loss_of(ours, tokens).backward()
    cross_entropy(logits, tokens[:, 1:]).backward()
    gradients = {name: value.grad for name, value in theirs.named_parameters()}
    assert gradients.keys() == weights.keys()
    for name, value in ours.named_parameters():
        assert value.grad is not None
        theirs_too = gradients[renamed(name)]
        assert theirs_too is not None
        assert (value.grad - theirs_too).abs().max() <= 1e-4, name


@pytest.mark.parametrize("attention", ["exact", "fused"])
@OPTION
def test_future_tokens_do_not_change_the_past(option: dict[str, Any], attention: str) -> None:
    model = small(option, context=32)
    model.use_attention(attention)
    tokens = some_tokens(batch=3, time=32)
    with torch.no_grad():
        before = model(tokens)
        for place in (1, 13, 31):
            changed = tokens.clone()
            changed[:, place:] = (changed[:, place:] + 1) % VOCABULARY
            after = model(changed)
            assert torch.equal(after[:, :place], before[:, :place])
            assert not torch.equal(after[:, place], before[:, place])


@OPTION
def test_what_was_read_before_a_cache_and_after_it_gives_the_same_scores(option: dict[str, Any]) -> None:
    model = small(option)
    tokens = some_tokens(time=8)
    with torch.no_grad():
        whole = model(tokens)
        cache = model.empty_cache(2)
        parts = [model(part, cache) for part in tokens.split([3, 1, 1, 3], dim=1)]
    assert cache.length == 8
    assert (torch.cat(parts, dim=1) - whole).abs().max() <= 1e-5


@pytest.mark.parametrize("name", POSITIONS)
def test_the_order_of_the_past_counts_with_positions_and_not_without(name: str) -> None:
    model = small({"positions": name}, layers=1)
    tokens = torch.tensor([[1, 2, 3, 4], [3, 1, 2, 4]])
    with torch.no_grad():
        first, second = model(tokens)[:, -1]
    assert bool((first - second).abs().max() > 1e-3) == (name != "none")


def first_loss(shape: Transformer, vocabulary: int, time: int = 64) -> float:
    model = LanguageModel(shape, vocabulary)
    model.initialise(torch.Generator().manual_seed(1))
    tokens = torch.randint(vocabulary, (8, time + 1), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        return float(loss_of(model, tokens))


@pytest.mark.parametrize("vocabulary", [65, 1024])
@pytest.mark.parametrize(
    "option", [o for o in OPTIONS.values() if "tied" not in o], ids=[o for o in OPTIONS if o != "tied"]
)
def test_the_first_loss_of_the_default_shape_is_guessing(option: dict[str, Any], vocabulary: int) -> None:
    shape = Transformer(**{**option, "key_value_heads": 1 if "key_value_heads" in option else None})
    assert first_loss(shape, vocabulary) == pytest.approx(math.log(vocabulary), abs=0.1)


@pytest.mark.parametrize("width", [16, 64, 192, 384, 768])
def test_the_first_loss_of_every_width_is_guessing(width: int) -> None:
    shape = Transformer(layers=1, width=width, heads=width // 16)
    assert first_loss(shape, 1024) == pytest.approx(math.log(1024), abs=0.1)


@pytest.mark.parametrize("vocabulary", [65, 256, 1024, 4096])
def test_the_first_loss_of_a_tied_model_is_guessing(vocabulary: int) -> None:
    assert first_loss(Transformer(tied=True), vocabulary) == pytest.approx(math.log(vocabulary), abs=0.1)


def test_initialise_is_a_function_of_the_seed_and_leaves_no_parameter_out() -> None:
    def drawn(seed: int, before: float) -> dict[str, Tensor]:
        model = LanguageModel(Transformer(**SMALL, biases=True, positions="learned"), VOCABULARY)
        for parameter in model.parameters():
            nn.init.constant_(parameter, before)
        model.initialise(torch.Generator().manual_seed(seed))
        return {name: value.detach() for name, value in model.named_parameters()}

    first, again, other = drawn(3, before=7.0), drawn(3, before=-5.0), drawn(4, before=7.0)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["embedding.weight"], other["embedding.weight"])


def test_a_model_without_residual_connections_starts_with_no_path_blocked() -> None:
    model = LanguageModel(Transformer(**SMALL, residual=False), VOCABULARY)
    model.initialise(torch.Generator().manual_seed(1))
    loss_of(model, some_tokens(time=9)).backward()
    assert all(value.grad is not None and value.grad.any() for value in model.parameters())


@pytest.mark.parametrize(
    "option", [{}, {"tied": True}, {"positions": "alibi", "normalisation": "layernorm", "biases": True}]
)
def test_one_batch_can_be_learned_by_heart(option: dict[str, Any]) -> None:
    model = LanguageModel(Transformer(**{**SMALL, "width": 32, **option}), VOCABULARY)
    model.initialise(torch.Generator().manual_seed(1))
    optimizer = adamw(list(model.named_parameters()), Optimizer(name="adamw", weight_decay=0.0))
    # Each row opens with a token that stands nowhere else, so that what follows can be known. (A row that opens with
    # the same token twice cannot be learned without absolute positions: both places see the same.)
    tokens = torch.cat((7 + torch.arange(4)[:, None], some_tokens(batch=4, time=8) % 7), dim=1)
    loss = math.inf
    for _ in range(300):
        current = loss_of(model, tokens)
        loss = current.item()
        if loss < 0.01:
            break
        current.backward()
        optimizer.step(0.01)
        optimizer.zero_grad()
    assert loss < 0.01


def test_a_tied_model_scores_with_its_embeddings() -> None:
    model = small({"tied": True})
    assert model.head.weight is model.embedding.weight
    assert "head.weight" not in dict(model.named_parameters())
    tokens = some_tokens()
    with torch.no_grad():
        assert torch.equal(model(tokens), model.hidden(tokens) @ model.embedding.weight.T)


def test_dropout_acts_while_training_and_not_while_answering() -> None:
    model = small({"dropout": 0.5})
    plain = small({})
    tokens = some_tokens()
    with torch.no_grad():
        assert torch.equal(model.eval()(tokens), plain(tokens))
        torch.manual_seed(0)
        first = model.train()(tokens)
        torch.manual_seed(0)
        again = model(tokens)
        other = model(tokens)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_copied_model_gives_the_same_scores() -> None:
    model = small({"positions": "alibi"})
    tokens = some_tokens()
    with torch.no_grad():
        assert torch.equal(copy.deepcopy(model)(tokens), model(tokens))


@pytest.mark.parametrize("preset", list(PRESETS))
def test_every_preset_builds_a_model(preset: str) -> None:
    shape = Transformer(
        **{key.removeprefix("model."): v for key, v in PRESETS[preset].items() if key.startswith("model.")}
    )
    with torch.device("meta"):
        model = LanguageModel(shape, 65)
        assert model(torch.zeros(1, 2, dtype=torch.long)).shape == (1, 2, 65)
