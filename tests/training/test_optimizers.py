"""The optimizers against torch's own, and what they remember between steps."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fogwalk.models.mlp import PlainLanguageModel
from fogwalk.models.transformer import LanguageModel
from fogwalk.registry import OPTIMIZERS
from fogwalk.settings import Mlp, Transformer
from fogwalk.settings import Optimizer as Settings
from fogwalk.training.optimizers.muon import Muon, orthogonalise
from fogwalk.training.optimizers.protocol import Optimizer, decayed, is_matrix

EVERY = pytest.mark.parametrize("name", list(OPTIMIZERS))
# Tall, wide and square, and more than one of a shape: equal shapes and their transposes share a stack.
SHAPES = ((24, 8), (8, 24), (24, 8), (16, 16), (16, 16), (5, 40), (7, 7))


pytestmark = pytest.mark.usefixtures("one_thread")


class Net(nn.Module):
    """One parameter of each sort: embedding, head, matrices, gain, bias."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 6)
        self.norm = nn.LayerNorm(6)
        self.tall = nn.Linear(6, 10)
        self.wide = nn.Linear(10, 6)
        self.head = nn.Linear(6, 7, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.head(self.wide(torch.tanh(self.tall(self.norm(self.embedding(tokens))))))
        return out


def net(seed: int = 0) -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Net()


def made(name: str, model: nn.Module, **settings: Any) -> Optimizer:
    given: dict[str, Any] = {"learning_rate": 0.01, "weight_decay": 0.1, **settings}
    optimizer: Optimizer = OPTIMIZERS.get(name).build(list(model.named_parameters()), Settings(name=name, **given))
    return optimizer


def fill_gradients(model: nn.Module, step: int) -> None:
    """Gradients that depend on the step and not on the model, so that two models can be fed alike."""
    generator = torch.Generator().manual_seed(step)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def greatest_distance(first: nn.Module, second: nn.Module) -> float:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return max(float((one.detach() - other.detach()).abs().max()) for one, other in pairs)


def matrices(shapes: tuple[tuple[int, int], ...] = SHAPES) -> nn.ParameterList:
    generator = torch.Generator().manual_seed(1)
    return nn.ParameterList(torch.randn(shape, generator=generator) for shape in shapes)


def updates_of(ours: nn.ParameterList, dtype: torch.dtype, momentum: float, decay: float) -> tuple[float, float]:
    """Five steps beside torch.optim.Muon: the greatest distance of two updates, and the greatest update."""
    theirs = copy.deepcopy(ours)
    muon = Muon(list(ours), momentum=momentum, weight_decay=decay, dtype=dtype)
    torchs = torch.optim.Muon(
        list(theirs), lr=0.0, momentum=momentum, nesterov=True, weight_decay=decay, adjust_lr_fn="match_rms_adamw"
    )
    distance = size = 0.0
    for step in range(5):
        for model, optimizer in ((ours, muon), (theirs, torchs)):
            fill_gradients(model, step)
            optimizer.param_groups[0]["lr"] = 0.02 / (step + 1)
        with torch.no_grad():
            for one, other in zip(ours, theirs, strict=True):
                other.copy_(one)
        before = copy.deepcopy(ours)
        muon.step()
        torchs.step()
        distance = max(distance, greatest_distance(ours, theirs))
        size = max(size, greatest_distance(ours, before))
    return distance, size


@pytest.mark.parametrize(("momentum", "decay"), [(0.95, 0.1), (0.0, 0.0), (0.8, 2.0)])
def test_muon_equals_torchs_muon_in_float32(momentum: float, decay: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # torch always orthogonalises in bfloat16; told to keep float32 instead, it must give our numbers.
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    distance, size = updates_of(matrices(), torch.float32, momentum, decay)
    assert distance <= 2e-6
    assert size > 1e-3


@pytest.mark.parametrize(("momentum", "decay"), [(0.95, 0.1), (0.0, 0.0), (0.8, 2.0)])
def test_muon_equals_torchs_muon_in_bfloat16_up_to_its_rounding(momentum: float, decay: float) -> None:
    # Both round every product to eight bits, and add them up in different orders.
    distance, size = updates_of(matrices(), torch.bfloat16, momentum, decay)
    assert distance <= 0.03 * size


def test_muon_moves_entries_about_as_far_as_adamw_does() -> None:
    ours = matrices(((64, 32), (32, 64), (48, 48)))
    before = copy.deepcopy(ours)
    fill_gradients(ours, 0)
    muon = Muon(list(ours), momentum=0.0, weight_decay=0.0, dtype=torch.float32)
    muon.param_groups[0]["lr"] = 1.0
    muon.step()
    for after, earlier in zip(ours, before, strict=True):
        assert (
            0.12 <= float((after - earlier).detach().square().mean().sqrt()) <= 0.28
        )  # 0.2 within the quintic's spread


@pytest.mark.parametrize("shape", [(24, 8), (8, 24), (16, 16), (1, 9), (9, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_orthogonalise_drives_singular_values_near_one(shape: tuple[int, int], dtype: torch.dtype) -> None:
    stack = torch.randn(6, *shape, generator=torch.Generator().manual_seed(2))
    # Directions that are nearly missing stay small, so each matrix gets singular values between 0.1 and 1.
    left, values, right = torch.linalg.svd(stack, full_matrices=False)
    stack = left @ torch.diag_embed(torch.linspace(0.1, 1, values.shape[1]).expand_as(values)) @ right
    made = orthogonalise(1000 * stack, dtype).float()
    singular = torch.linalg.svdvals(made)
    assert singular.min() >= 0.6
    assert singular.max() <= 1.3
    assert (made - orthogonalise(1000 * stack.mT, dtype).float().mT).abs().max() <= (
        1e-5 if dtype == torch.float32 else 0.03
    )
    # The directions stay: what was U·S·Vᵀ is U·S'·Vᵀ.
    turned = left.mT @ made @ right.mT
    assert (turned - torch.diag_embed(turned.diagonal(dim1=1, dim2=2))).abs().max() <= (
        1e-4 if dtype == torch.float32 else 0.05
    )


def test_orthogonalise_of_nothing_is_nothing() -> None:
    assert not orthogonalise(torch.zeros(2, 3, 5), torch.float32).any()


def test_a_stack_gives_each_matrix_what_it_would_get_alone() -> None:
    stack = torch.randn(4, 6, 9, generator=torch.Generator().manual_seed(2)) * torch.tensor([1, 100, 0.01, 7]).view(
        4, 1, 1
    )
    alone = torch.cat([orthogonalise(matrix[None], torch.float32) for matrix in stack])
    assert (orthogonalise(stack, torch.float32) - alone).abs().max() <= 1e-5


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_adamw_and_sgd_equal_torchs(name: str) -> None:
    ours, theirs = net(), net()
    optimizer = made(name, ours, beta1=0.8, beta2=0.9, momentum=0.7)
    groups: list[dict[str, Any]] = [
        {"params": [value for value in theirs.parameters() if value.dim() >= 2], "weight_decay": 0.1},
        {"params": [value for value in theirs.parameters() if value.dim() < 2], "weight_decay": 0.0},
    ]
    torchs: torch.optim.Optimizer
    if name == "adamw":
        torchs = torch.optim.AdamW(groups, lr=0.0, betas=(0.8, 0.9), eps=1e-10)
    else:
        torchs = torch.optim.SGD(groups, lr=0.0, momentum=0.7)
    for step in range(5):
        rate = 0.01 * (step + 1)
        for model in (ours, theirs):
            fill_gradients(model, step)
        for group in torchs.param_groups:
            group["lr"] = rate
        optimizer.step(rate)
        torchs.step()
    assert greatest_distance(ours, theirs) <= 1e-6
    assert greatest_distance(ours, net()) > 1e-2


def test_sgd_takes_the_steps_of_its_formula() -> None:
    weight = nn.Parameter(torch.tensor([[1.0]]))
    model = nn.ParameterDict({"w": weight})
    optimizer = made("sgd", model, momentum=0.5, weight_decay=0.0)
    for expected in (1.0 - 0.1 * 2.0, 0.8 - 0.1 * 3.0):  # v = 2, then 0.5·2 + 2
        weight.grad = torch.tensor([[2.0]])
        optimizer.step(0.1)
        assert float(weight.detach()) == pytest.approx(expected)


def test_under_muon_what_is_no_matrix_goes_to_adamw_at_its_own_rate() -> None:
    model = net()
    optimizer = made("muon", model, learning_rate=0.02, other_learning_rate=0.004)
    muon, adamw = optimizer.parts
    assert isinstance(muon.optimizer, Muon)
    assert isinstance(adamw.optimizer, torch.optim.AdamW)
    assert [name for name, _ in muon.parameters] == ["tall.weight", "wide.weight"]
    assert {name for name, _ in adamw.parameters} == {
        *("embedding.weight", "head.weight", "norm.weight", "norm.bias", "tall.bias", "wide.bias"),
    }
    fill_gradients(model, 0)
    optimizer.step(0.02)
    assert muon.optimizer.param_groups[0]["lr"] == 0.02
    assert [group["lr"] for group in adamw.optimizer.param_groups] == pytest.approx([0.004, 0.004])


def test_under_muon_the_other_rate_is_half_unless_chosen() -> None:
    assert [part.ratio for part in made("muon", net()).parts] == [1.0, 0.5]


@EVERY
def test_every_parameter_moves_once_whichever_optimizer_owns_it(name: str) -> None:
    model, before = net(), net()
    optimizer = made(name, model)
    owned = [owner for part in optimizer.parts for owner, _ in part.parameters]
    assert sorted(owned) == sorted(key for key, _ in model.named_parameters())
    fill_gradients(model, 0)
    optimizer.step(0.01)
    assert all(not torch.equal(*pair) for pair in zip(model.parameters(), before.parameters(), strict=True))


@EVERY
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_what_is_saved_and_loaded_takes_the_same_steps_to_the_bit(name: str, steps: int) -> None:
    model = net()
    optimizer = made(name, model)
    for step in range(steps):
        fill_gradients(model, step)
        optimizer.step(0.01)
    saved = {key: value.clone() for key, value in optimizer.state().items()}
    resumed = copy.deepcopy(model)
    again = made(name, resumed)
    again.load(saved)
    assert again.state().keys() == saved.keys()
    assert all(torch.equal(value, saved[key]) for key, value in again.state().items())
    for step in range(steps, steps + 3):
        for each, its in ((model, optimizer), (resumed, again)):
            fill_gradients(each, step)
            its.step(0.01)
    assert greatest_distance(model, resumed) == 0.0
    # What was given to load stays the giver's own.
    assert steps == 0 or any(not torch.equal(value, saved[key]) for key, value in optimizer.state().items())


@EVERY
def test_state_has_readable_names(name: str) -> None:
    model = net()
    optimizer = made(name, model)
    assert optimizer.state() == {}
    fill_gradients(model, 0)
    optimizer.step(0.01)
    whats = {
        "muon": {"tall.weight/momentum", "wide.weight/momentum", "head.weight/exp_avg", "norm.bias/step"},
        "adamw": {"tall.weight/exp_avg", "tall.weight/exp_avg_sq", "tall.weight/step"},
        "sgd": {"tall.weight/momentum_buffer", "norm.bias/momentum_buffer"},
    }
    assert whats[name] <= optimizer.state().keys()


@EVERY
def test_zero_grad_forgets_every_gradient(name: str) -> None:
    model = net()
    fill_gradients(model, 0)
    made(name, model).zero_grad()
    assert all(value.grad is None for value in model.parameters())


@EVERY
def test_a_parameter_without_a_gradient_stays(name: str) -> None:
    model = net()
    fill_gradients(model, 0)
    model.tall.weight.grad = None
    before = model.tall.weight.detach().clone()
    made(name, model).step(0.01)
    assert torch.equal(model.tall.weight, before)


@EVERY
def test_weight_decay_pulls_matrices_and_leaves_gains_and_biases(name: str) -> None:
    pulled, left = net(), net()
    for model, decay in ((pulled, 0.5), (left, 0.0)):
        optimizer = made(name, model, weight_decay=decay)
        fill_gradients(model, 0)
        optimizer.step(0.01)
    for (key, one), other in zip(pulled.named_parameters(), left.parameters(), strict=True):
        assert torch.equal(one, other) == (one.dim() < 2), key


def test_decayed_leaves_out_empty_groups() -> None:
    matrix, vector = nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(2))
    assert decayed([("w", matrix)], 0.3) == [{"params": [matrix], "weight_decay": 0.3}]
    assert decayed([("b", vector)], 0.3) == [{"params": [vector], "weight_decay": 0.0}]


@pytest.mark.parametrize("tied", [False, True])
def test_matrices_between_the_layers_of_a_transformer_are_told_from_the_rest(tied: bool) -> None:
    shape = Transformer(layers=1, width=8, heads=2, positions="learned", biases=True, tied=tied)
    model = LanguageModel(shape, 5)
    found = [name for name, value in model.named_parameters() if is_matrix(name, value)]
    attention = [f"layers.0.attention.{name}.weight" for name in ("queries", "keys", "values", "output")]
    assert found == attention + [f"layers.0.feed_forward.{name}.weight" for name in ("gate", "up", "down")]


def test_matrices_between_the_layers_of_a_plain_network_are_told_from_the_rest() -> None:
    model = PlainLanguageModel(Mlp(hidden=(6, 5)), 5)
    found = [name for name, value in model.named_parameters() if is_matrix(name, value)]
    assert found == ["layers.0.weight", "layers.1.weight"]


@EVERY
def test_every_optimizer_learns(name: str) -> None:
    model = net()
    optimizer = made(name, model, weight_decay=0.0)
    tokens = torch.arange(7)
    losses = []
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(tokens), tokens.roll(1))
        losses.append(loss.item())
        loss.backward()
        optimizer.step({"muon": 0.05, "adamw": 0.02, "sgd": 0.3}[name])
        optimizer.zero_grad()
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("name", ["adamw", "sgd", "muon"])
def test_an_update_imports_no_compiler(name: str) -> None:
    """It takes a second, and nothing of an update is compiled."""
    words = (
        "import sys, torch\n"
        "from fogwalk.registry import OPTIMIZERS\n"
        "from fogwalk.settings import Optimizer\n"
        "weight = torch.nn.Parameter(torch.ones(4, 4))\n"
        "weight.grad = torch.eye(4)\n"
        f"found = OPTIMIZERS.get('{name}').build([('layers.0.weight', weight)], Optimizer())\n"
        "found.step(0.1); found.zero_grad()\n"
        "assert not torch.equal(weight, torch.ones(4, 4)) and weight.grad is None\n"
        "assert 'torch._dynamo' not in sys.modules, 'imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
