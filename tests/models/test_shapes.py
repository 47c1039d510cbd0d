"""The shapes and number formats that the models' signatures promise, checked at every call by jaxtyping and beartype.

In a process of their own: the import hook that checks must be in place before the models are imported.
"""

from __future__ import annotations

import os
import subprocess
import sys

BEGIN = """
import jaxtyping
jaxtyping.install_import_hook("fogwalk.models", "beartype.beartype")
import torch
from jaxtyping import TypeCheckError
from fogwalk.models.attention import Cache, exact_attention, fused_attention
from fogwalk.models.layers import RMSNorm, squared_relu
from fogwalk.models.mlp import PlainLanguageModel
from fogwalk.models.transformer import LanguageModel
from fogwalk.objectives.losses import cross_entropy
from fogwalk.registry import POSITIONS
from fogwalk.settings import ACTIVATIONS, Mlp, Transformer
torch.set_num_threads(1)
"""

EVERY_OPTION = """
options = [{}]
options += [{"positions": name} for name in POSITIONS]
options += [{"normalisation": n, "norm_place": p} for n in ("rmsnorm", "layernorm", "none") for p in ("before", "after")]
options += [{"feed_forward": name} for name in ACTIVATIONS]
options += [{"residual": False}, {"biases": True}, {"tied": True}, {"query_key_norm": False}, {"dropout": 0.3}]
options += [{"key_value_heads": heads} for heads in (1, 2)]
tokens = torch.randint(11, (3, 7))
ran = 0
for option in options:
    for attention in ("exact", "fused"):
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            model = LanguageModel(Transformer(layers=2, width=16, heads=4, context=8, **option), 11).to(dtype)
            model.initialise(torch.Generator().manual_seed(0))
            model.use_attention(attention)
            scores = model(tokens)
            assert scores.shape == (3, 7, 11) and scores.dtype == dtype
            cross_entropy(scores, tokens).backward()
            assert all(value.grad.shape == value.shape for value in model.parameters())
            with torch.no_grad():
                cache = model.empty_cache(3)
                for part in tokens.split([4, 1, 2], dim=1):
                    assert model(part, cache).shape == (3, part.shape[1], 11)
            ran += 1
        with torch.autocast("cpu", torch.bfloat16):
            cross_entropy(LanguageModel(model.shape, 11)(tokens), tokens).backward()
for activation in ACTIVATIONS[1:]:
    model = PlainLanguageModel(Mlp(hidden=(6, 5), embedding=3, context=4, activation=activation, dropout=0.3), 11)
    scores = model(tokens)
    assert scores.shape == (3, 7, 11) and scores.dtype == torch.float32
    cross_entropy(scores, tokens).backward()
    ran += 1
print(ran)
"""

WRONG = """
model = LanguageModel(Transformer(layers=1, width=16, heads=4, context=8), 11)
plain = PlainLanguageModel(Mlp(hidden=(6,), embedding=3, context=4), 11)
none = POSITIONS.get("none")(8, 16, 4, 4)
heads = torch.randn(1, 4, 5, 4)
wrong = {
    "tokens without a batch": lambda: model(torch.zeros(7, dtype=torch.long)),
    "tokens that are not whole numbers": lambda: model(torch.zeros(3, 7)),
    "tokens of a plain network that are not whole numbers": lambda: plain(torch.zeros(3, 7)),
    "a layer's input without its width": lambda: model.layers[0](torch.zeros(3, 7)),
    "a whole number where a norm reads numbers": lambda: RMSNorm(4)(torch.zeros(2, 4, dtype=torch.long)),
    "values of fewer places than keys": lambda: exact_attention(heads, heads, heads[:, :, :3], none, True, 0.0),
    "keys of another width, fused": lambda: fused_attention(heads, heads[..., :2], heads, none, True, 0.0),
    "embeddings of no batch for positions": lambda: none.add(torch.zeros(7, 16), 0),
    "something that is no tensor": lambda: squared_relu([1.0, 2.0]),
}
for name, call in wrong.items():
    try:
        call()
    except TypeCheckError:
        print(name)
print(set(wrong) and len(wrong))
"""


def run(program: str) -> list[str]:
    """What a program prints when every call into the models is checked."""
    checked = {**os.environ, "JAXTYPING_DISABLE": "0"}
    command = [sys.executable, "-c", BEGIN + program]
    ended = subprocess.run(command, env=checked, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout.splitlines()


def test_every_option_keeps_the_shapes_its_signatures_promise() -> None:
    assert run(EVERY_OPTION) == [str((1 + 5 + 6 + 7 + 5 + 2) * 2 * 3 + 6)]


def test_a_wrong_shape_or_number_format_is_caught_where_it_enters() -> None:
    *caught, wrong = run(WRONG)
    assert len(caught) == int(wrong), caught
