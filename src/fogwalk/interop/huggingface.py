"""A folder that transformers opens with AutoModelForCausalLM and AutoTokenizer, as a model of the Qwen3 family.

Before this   run.py holds a trained model.
After this    transformers, vLLM, llama.cpp's converter. Names map one to one; the logits are the same.
A choice that Qwen3 cannot hold is named, and nothing is written.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file

from fogwalk.encoding.protocol import Tokenizer
from fogwalk.errors import ExportError
from fogwalk.interop.folders import appear
from fogwalk.models.layers import gated_width
from fogwalk.models.positions.rotary import BASE
from fogwalk.settings import Model, Transformer, flag

if TYPE_CHECKING:
    from fogwalk.run import Run

# What Qwen3 fixes: setting -> the one value it can hold, and its name there.
FIXED: dict[str, object] = {
    "positions": "rotary",
    "normalisation": "rmsnorm",
    "norm_place": "before",
    "query_key_norm": True,
    "residual": True,
    "feed_forward": "gated-silu",
    "biases": False,
}

NAMES = {
    "embedding": "model.embed_tokens",
    "norm": "model.norm",
    "head": "lm_head",
    "layers": "model.layers",
    "attention_norm": "input_layernorm",
    "feed_forward_norm": "post_attention_layernorm",
    "attention.queries": "self_attn.q_proj",
    "attention.keys": "self_attn.k_proj",
    "attention.values": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "attention.query_norm": "self_attn.q_norm",
    "attention.key_norm": "self_attn.k_norm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
}


def export(run: Run, target: Path) -> None:
    """Write config.json, generation_config.json, model.safetensors and the tokenizer's files to `target`.

    The folder appears whole or not at all; one that is there already receives the files. Raises ExportError naming the first
    choice that the Qwen3 family cannot hold, RunError when the disk is full or read-only.
    """
    shape = require_held(run.settings.model)
    weights = {renamed(name): value.detach().float().cpu().contiguous() for name, value in run.model.named_parameters()}

    def write(folder: Path) -> None:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "model.safetensors").chmod(0o644)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(run.checkpoint / "encoding" / name, folder / name)
        _limit(folder / "tokenizer_config.json", shape.context)
        end = run.tokenizer.end if run.tokenizer.end >= 0 else None
        for name, content in (
            ("config.json", config(shape, run.tokenizer.size, end)),
            ("generation_config.json", _generation(run.tokenizer)),
        ):
            (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    appear(target, write)


def require_held(shape: Model) -> Transformer:
    """The shape, when the Qwen3 family can hold it; raises ExportError naming the first choice that it cannot."""
    if not isinstance(shape, Transformer):
        raise ExportError(
            f"a model of kind {shape.kind} has no place in the Hugging Face format", expected="It holds transformers."
        )
    for name, only in FIXED.items():
        if getattr(shape, name) != only:
            key = flag(f"model.{name}")
            raise ExportError(
                f"the Hugging Face format (Qwen3) cannot hold {key} {_word(getattr(shape, name))}",
                expected=f"It holds {key} {_word(only)} only.",
                remedy=f"Train with --{key} {_word(only)} to export there.",
            )
    return shape


def renamed(name: str) -> str:
    """A parameter's name in the Qwen3 family.

    >>> renamed("layers.3.attention.queries.weight")
    'model.layers.3.self_attn.q_proj.weight'
    """
    module, _, leaf = name.rpartition(".")
    first, _, rest = module.partition(".")
    if first != "layers":
        return f"{NAMES[module]}.{leaf}"
    number, _, inner = rest.partition(".")
    return f"{NAMES[first]}.{number}.{NAMES[inner]}.{leaf}"


def config(shape: Transformer, vocabulary: int, end: int | None) -> dict[str, Any]:
    """config.json of a Qwen3 model of this shape. The rotary base is written where 4.x and where 5.x look for it."""
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward_width or gated_width(shape.width),
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_value_heads or shape.heads,
        "head_dim": shape.width // shape.heads,
        "hidden_act": "silu",
        "max_position_embeddings": shape.context,
        "rms_norm_eps": 1e-6,
        "rope_theta": BASE,
        "rope_parameters": {"rope_type": "default", "rope_theta": BASE},
        "tie_word_embeddings": shape.tied,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "use_sliding_window": False,
        "sliding_window": None,
        "bos_token_id": None,
        "eos_token_id": end,
        "pad_token_id": None,
        "dtype": "float32",
        "torch_dtype": "float32",
        "use_cache": True,
        "initializer_range": 0.02,
    }


def _generation(tokenizer: Tokenizer) -> dict[str, Any]:
    """generation_config.json: how the model is asked when nothing is said, and the id that is never said."""
    how = {"eos_token_id": tokenizer.end if tokenizer.end >= 0 else None, "do_sample": True, "temperature": 0.8}
    return how | ({"suppress_tokens": [tokenizer.unsaid]} if tokenizer.unsaid >= 0 else {})


def _limit(path: Path, context: int) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    content["model_max_length"] = context
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
