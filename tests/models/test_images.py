"""Networks that read images: their shapes, gradients and what they cannot see."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from fogwalk.batches.changes import Augment, Normalise, cut, flipped, shifted
from fogwalk.encoding.records import Reads
from fogwalk.errors import SettingError
from fogwalk.models import convolutional
from fogwalk.models.transformer import build_vision
from fogwalk.settings import Convolutional, Vision


def reads(channels: int = 1, high: int = 8, wide: int = 8) -> Reads:
    return Reads(channels * high * wide, (), (channels, high, wide))


def made(build: Any, shape: Any, of: Reads, outputs: int = 3) -> torch.nn.Module:
    model: torch.nn.Module = build(shape, of, outputs)
    model.initialise(torch.Generator().manual_seed(0))  # type: ignore[operator]  # every model of ours has it
    return model.eval()


SMALL = [
    (convolutional.build, Convolutional(channels=(2, 3), hidden=(4,), activation="tanh", dropout=0.0)),
    (
        convolutional.build,
        Convolutional(channels=(2,), hidden=(4,), activation="gelu", normalisation="none", dropout=0.0),
    ),
    (build_vision, Vision(patch=4, layers=1, width=6, heads=1, dropout=0.0)),
    (build_vision, Vision(patch=4, layers=2, width=8, heads=2, feed_forward="gelu", dropout=0.0)),
]


@pytest.mark.parametrize(("build", "shape"), SMALL)
def test_gradients_match_finite_differences(build: Any, shape: Any) -> None:
    model = made(build, shape, reads(), 2).double()
    generator = torch.Generator().manual_seed(2)
    for parameter in model.parameters():  # what begins at zero would hide what comes before it
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    x = torch.randn(2, 1, 8, 8, generator=generator, dtype=torch.float64)
    names = [name for name, _ in model.named_parameters()]

    def of(*values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (x,))

    # The largest of four is not smooth where two are equal, and random numbers never are.
    assert torch.autograd.gradcheck(of, tuple(model.parameters()), atol=1e-4)


@pytest.mark.parametrize(("high", "wide"), [(8, 8), (28, 28), (5, 9), (2, 2), (1, 7)])
def test_every_size_of_image_is_read(high: int, wide: int) -> None:
    x = torch.randn(4, 3, high, wide)
    assert made(convolutional.build, Convolutional(), reads(3, high, wide))(x).shape == (4, 3)
    patch = min(high, wide, 4)
    assert made(build_vision, Vision(patch=patch), reads(3, high, wide))(x).shape == (4, 3)


def test_patches_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SettingError, match="do not fit into images of 8 x 6 pixels"):
        made(build_vision, Vision(patch=7), reads(1, 6, 8))


def test_patches_know_where_they_stand_and_every_patch_is_heard() -> None:
    model = made(build_vision, Vision(patch=4, dropout=0.0), reads())
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    x = torch.randn(1, 1, 8, 8, generator=generator)
    assert not torch.allclose(model(x), model(x.roll(4, 3)), atol=1e-3), "positions"
    for down, across in ((0, 0), (0, 4), (4, 0), (4, 4)):
        other = x.clone()
        other[:, :, down : down + 4, across : across + 4] += 1
        assert not torch.allclose(model(x), model(other), atol=1e-4)


def test_a_convolution_gives_the_same_wherever_a_thing_stands() -> None:
    model = made(convolutional.build, Convolutional(channels=(4,), normalisation="none"), reads())
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 2, 2] = 1
    (layer,) = model.layers  # type: ignore[misc, union-attr]
    assert torch.allclose(layer(x).roll((2, 2), (2, 3)), layer(x.roll((2, 2), (2, 3))), atol=1e-6)


BYTES = torch.arange(2 * 3 * 28 * 28, dtype=torch.int64).remainder(251).to(torch.uint8).view(2, 3, 28, 28)


def test_bytes_become_numbers_of_mean_zero_and_deviation_one() -> None:
    pixels = BYTES.float() / 255
    mean, deviation = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3), correction=0)
    found = Normalise(mean.tolist(), deviation.tolist())(BYTES, 0)
    assert torch.allclose(found.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(found.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5)


def test_what_is_changed_is_a_pure_function_of_seed_and_step() -> None:
    normalise = Normalise((0.5,) * 3, (0.2,) * 3)
    for changes in (("flip",), ("shift",), ("crop",), ("flip", "shift", "crop")):
        change = Augment(normalise, changes, 7)
        assert torch.equal(change(BYTES, 3), Augment(normalise, changes, 7)(BYTES, 3))
        seen = [change(BYTES, step) for step in range(6)]
        assert any(not torch.equal(seen[0], other) for other in seen[1:])
        assert seen[0].shape == BYTES.shape


def test_mirrored_images_are_mirrored_and_moved_ones_moved() -> None:
    chance = torch.Generator().manual_seed(0)
    many = BYTES[:1].expand(64, -1, -1, -1)
    mirrored = flipped(many, chance)
    kinds = {bool(torch.equal(one, BYTES[0])) for one in mirrored}
    assert kinds == {True, False}
    assert all(torch.equal(one, BYTES[0]) or torch.equal(one, BYTES[0].flip(2)) for one in mirrored)
    moved = shifted(many, chance)
    inner = moved[:, :, 4:-4, 4:-4]
    places = {(down, across) for down in range(-2, 3) for across in range(-2, 3)}
    for one in inner:
        assert any(
            torch.equal(one, BYTES[0, :, 4 + down : 24 + down, 4 + across : 24 + across]) for down, across in places
        )


def test_a_cut_of_the_whole_is_the_image_itself() -> None:

    images = torch.rand(3, 1, 12, 12)
    found = cut(images, torch.Generator().manual_seed(0))
    assert found.shape == images.shape
    assert found.min() >= images.min() - 1e-6
    assert found.max() <= images.max() + 1e-6
