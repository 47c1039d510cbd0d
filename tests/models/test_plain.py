"""A plain network: its formula, its gradients, its beginnings."""

from __future__ import annotations

import pytest
import torch

from fogwalk.encoding.records import Reads
from fogwalk.models.layers import ACTIVATIONS
from fogwalk.models.plain import build
from fogwalk.settings import Plain


def made(shape: Plain, reads: Reads, outputs: int = 3) -> torch.nn.Module:
    model = build(shape, reads, outputs)
    model.initialise(torch.Generator().manual_seed(0))
    return model


def test_it_is_layers_of_sigma_of_w_x_plus_b() -> None:
    model = made(Plain(hidden=(5, 4), activation="tanh"), Reads(3))
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
    first, second = model.layers
    hidden = torch.tanh(torch.tanh(x @ first.weight.T + first.bias) @ second.weight.T + second.bias)
    assert torch.allclose(model(x), hidden @ model.head.weight.T + model.head.bias, atol=1e-6)


def test_without_a_hidden_layer_it_is_one_neuron_for_each_output() -> None:
    model = made(Plain(hidden=(0,)), Reads(3), 1)
    x = torch.randn(7, 3)
    assert torch.allclose(model(x), x @ model.head.weight.T + model.head.bias)
    assert sum(value.numel() for value in model.parameters()) == 4


def test_a_word_of_many_is_told_by_a_vector_of_its_own() -> None:
    model = made(Plain(hidden=(8,)), Reads(2, (20, 50)))
    x = torch.tensor([[0.5, -0.5, 3.0, 7.0], [0.5, -0.5, 3.0, 8.0]])
    outputs = model(x)
    assert not torch.allclose(outputs[0], outputs[1])
    outputs.sum().backward()
    moved = model.embedding[1].weight.grad.abs().sum(1).nonzero().flatten().tolist()
    assert moved == [7, 8]


def test_a_word_never_met_begins_without_a_vector_and_may_get_one() -> None:
    model = made(Plain(hidden=(8,)), Reads(2, (20,)))
    assert not model.embedding[0].weight[0].any()
    assert model.embedding[0].weight[1:].any(1).all()
    model(torch.tensor([[0.5, -0.5, 0.0]])).sum().backward()
    assert model.embedding[0].weight.grad[0].any()


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize(
    "more", [{}, {"residual": True}, {"normalisation": "layernorm"}, {"normalisation": "rmsnorm", "residual": True}]
)
def test_gradients_match_finite_differences(activation: str, more: dict[str, object]) -> None:
    model = made(Plain(hidden=(4, 4), activation=activation, **more), Reads(4), 2).double()  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model, (x,))
    parameters = tuple(model.parameters())
    names = [name for name, _ in model.named_parameters()]

    def of(*values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (x.detach(),))

    assert torch.autograd.gradcheck(of, parameters)


def test_gradients_of_vectors_of_words_match_finite_differences() -> None:
    model = made(Plain(hidden=(4,), activation="tanh"), Reads(1, (5, 3)), 2).double()
    x = torch.tensor([[0.3, 2.0, 1.0], [-0.7, 4.0, 0.0]], dtype=torch.float64)
    names = [name for name, _ in model.named_parameters()]
    assert sum("embedding" in name for name in names) == 2

    def of(*values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(of, tuple(model.parameters()))


def test_residual_paths_and_normalisation_change_what_comes_out() -> None:
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(3))
    plain = made(Plain(hidden=(6, 6)), Reads(6))(x)
    assert not torch.allclose(plain, made(Plain(hidden=(6, 6), residual=True), Reads(6))(x))
    assert not torch.allclose(plain, made(Plain(hidden=(6, 6), normalisation="rmsnorm"), Reads(6))(x))


def test_dropout_drops_while_training_only() -> None:
    model = made(Plain(hidden=(64,), dropout=0.5), Reads(4))
    x = torch.randn(8, 4)
    model.eval()
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


def test_an_image_is_read_as_its_pixels() -> None:
    model = made(Plain(hidden=(8,)), Reads(3 * 4 * 5, (), (3, 4, 5)))
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(model(x), model(x.flatten(1)))
