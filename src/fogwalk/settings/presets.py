"""Named starting points: a preset sits above the defaults and below the settings file and the command line.

Before this   tree.py.
After this    resolve.py lays a preset under what the person chose.
"""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "model.layers": 2,
        "model.width": 64,
        "model.heads": 2,
        "model.context": 64,
    },
    "medium": {
        "model.layers": 6,
        "model.width": 384,
        "model.heads": 6,
        "model.context": 256,
    },
    "large": {
        "model.layers": 12,
        "model.width": 768,
        "model.heads": 12,
        "model.context": 512,
    },
    # The classic recipe of GPT-2, to compare with: what changed since shows in the loss.
    "gpt2-style": {
        "model.layers": 4,
        "model.width": 128,
        "model.heads": 4,
        "model.context": 64,
        "model.positions": "learned",
        "model.normalisation": "layernorm",
        "model.query_key_norm": False,
        "model.feed_forward": "gelu",
        "model.biases": True,
        "model.tied": True,
        "optimizer.name": "adamw",
        "optimizer.learning_rate": 1e-3,
        "optimizer.beta2": 0.99,
        "optimizer.weight_decay": 0.1,
        "optimizer.schedule": "cosine",
        "optimizer.warmup": 0.05,
        "optimizer.final": 0.1,
        "training.batch": 12,
        "training.precision": "float32",
    },
}
