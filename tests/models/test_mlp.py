"""The plain network: its numbers by hand, its gradients against finite differences, and how far it looks back."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from fogwalk.models.layers import ACTIVATIONS
from fogwalk.models.mlp import PlainLanguageModel
from fogwalk.objectives.losses import cross_entropy
from fogwalk.settings import Mlp, Optimizer
from fogwalk.training.optimizers.adamw import build as adamw

VOCABULARY, CONTEXT = 9, 3
ACTIVATION = pytest.mark.parametrize("activation", list(ACTIVATIONS))


pytestmark = pytest.mark.usefixtures("one_thread")


def small(activation: str = "tanh", hidden: tuple[int, ...] = (10, 7)) -> PlainLanguageModel:
    """A small network with every parameter, biases too, drawn at random."""
    model = PlainLanguageModel(Mlp(hidden=hidden, activation=activation, embedding=4, context=CONTEXT), VOCABULARY)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return model


def some_tokens(batch: int = 2, time: int = 8) -> Tensor:
    return torch.randint(VOCABULARY, (batch, time), generator=torch.Generator().manual_seed(1))


def loss_of(model: nn.Module, tokens: Tensor) -> Tensor:
    return cross_entropy(model(tokens[:, :-1]), tokens[:, 1:])


@ACTIVATION
def test_gradients_equal_finite_differences(activation: str) -> None:
    model, tokens, step = small(activation).double(), some_tokens(), 1e-6
    loss_of(model, tokens).backward()
    places = [(value, place) for value in model.parameters() for place in range(value.numel())]
    for number in torch.randperm(len(places), generator=torch.Generator().manual_seed(2))[:200].tolist():
        parameter, place = places[number]
        assert parameter.grad is not None
        values, before, losses = parameter.detach().view(-1), float(parameter.detach().view(-1)[place]), []
        for moved in (before + step, before - step, before):
            values[place] = moved
            losses.append(loss_of(model, tokens).item())
        difference = (losses[0] - losses[1]) / (2 * step)
        assert abs(difference - float(parameter.grad.view(-1)[place])) <= 1e-6 * float(parameter.grad.abs().max())


@ACTIVATION
@torch.no_grad()
def test_scores_equal_sums_over_the_last_few_embeddings(activation: str) -> None:
    model, tokens = small(activation), some_tokens()
    scores = model(tokens)
    for row in range(2):
        for time in range(8):
            seen = [
                model.embedding.weight[tokens[row, t]] if t >= 0 else torch.zeros(4) for t in range(time - 2, time + 1)
            ]
            # Each embedding's numbers lie side by side along the window, as the window is cut out.
            x = torch.stack(seen, dim=1).flatten()
            for layer in model.layers:
                assert isinstance(layer, nn.Linear)
                x = ACTIVATIONS[activation](layer.weight @ x + layer.bias)
            assert (scores[row, time] - (model.head.weight @ x + model.head.bias)).abs().max() <= 1e-5


@torch.no_grad()
def test_future_tokens_do_not_change_the_past() -> None:
    model, tokens = small(), some_tokens()
    before = model(tokens)
    for place in range(1, 8):
        changed = tokens.clone()
        changed[:, place:] = (changed[:, place:] + 1) % VOCABULARY
        after = model(changed)
        assert torch.equal(after[:, :place], before[:, :place])
        assert not torch.equal(after[:, place], before[:, place])


@torch.no_grad()
def test_it_sees_as_many_tokens_as_its_context_and_none_before() -> None:
    model, tokens = small(), some_tokens()
    before = model(tokens)[:, -1]
    for back in range(8):
        changed = tokens.clone()
        changed[:, 7 - back] = (changed[:, 7 - back] + 1) % VOCABULARY
        assert torch.equal(model(changed)[:, -1], before) == (back >= CONTEXT)


@ACTIVATION
@pytest.mark.parametrize("vocabulary", [65, 1024])
@torch.no_grad()
def test_the_first_loss_is_guessing(activation: str, vocabulary: int) -> None:
    model = PlainLanguageModel(Mlp(activation=activation), vocabulary)
    model.initialise(torch.Generator().manual_seed(1))
    tokens = torch.randint(vocabulary, (8, 65), generator=torch.Generator().manual_seed(2))
    assert loss_of(model, tokens).item() == pytest.approx(math.log(vocabulary), abs=0.1)


@ACTIVATION
def test_one_batch_can_be_learned_by_heart(activation: str) -> None:
    model = PlainLanguageModel(Mlp(hidden=(32, 32), activation=activation, embedding=8, context=8), VOCABULARY)
    model.initialise(torch.Generator().manual_seed(1))
    optimizer = adamw(list(model.named_parameters()), Optimizer(name="adamw", weight_decay=0.0))
    # Each row opens with another token, so that what follows can be known.
    tokens = torch.cat((torch.arange(4)[:, None], some_tokens(batch=4)), dim=1)
    loss = math.inf
    for _ in range(500):
        current = loss_of(model, tokens)
        if (loss := current.item()) < 0.01:
            break
        current.backward()
        optimizer.step(0.01)
        optimizer.zero_grad()
    assert loss < 0.01


def test_initialise_is_a_function_of_the_seed() -> None:
    def drawn(seed: int) -> list[Tensor]:
        model = small()
        model.initialise(torch.Generator().manual_seed(seed))
        return [value.detach() for value in model.parameters()]

    assert all(map(torch.equal, drawn(3), drawn(3)))
    assert not all(map(torch.equal, drawn(3), drawn(4)))


def test_it_keeps_nothing_between_tokens() -> None:
    assert small().empty_cache(1) is None  # type: ignore[func-returns-value]  # that it gives None is what is tested
