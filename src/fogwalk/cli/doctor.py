"""fogwalk doctor: what this machine has and lacks, and what that means for training."""

from __future__ import annotations

import argparse
from importlib.metadata import PackageNotFoundError, version

from fogwalk.cli.parsing import Parser, add_json


def parser(summary: str) -> Parser:
    """Nothing to choose."""
    parser = Parser("doctor", summary)
    parser.add_argument(
        "--clear-cache", action="store_true", help="remove surveys, tokenizers and tokens kept between runs"
    )
    add_json(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Print what was found."""
    import platform
    from pathlib import Path

    import torch

    from fogwalk import __version__, cache, hardware
    from fogwalk.cli.tables import print_json, print_table, size
    from fogwalk.runs.folder import RUNS, all_runs
    from fogwalk.runs.publish import free_bytes

    device = hardware.pick_device("auto")
    removed = {"removed from the cache": f"{cache.shrink(0)} entries"} if found.clear_cache else {}
    rows = removed | {
        "fogwalk": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "device": device.type if device.type == "cpu" else hardware.fingerprint(device, 1)["processor"],
        "processor": str(torch.cpu.get_capabilities().get("cpu_name", platform.processor())),
        "cores": str(hardware.cores()),
        "bfloat16": "yes: products in bfloat16" if hardware.quick_bfloat16(device) else "no: products in float32",
        "C++ compiler": "yes: long runs are compiled"
        if hardware.compiler()
        else "none: runs are eager, which is slower",
        "transformers (extra)": _version("transformers"),
        "free disk": size(free_bytes(Path.cwd())),
        "cache": f"{size(cache.size())} of at most {size(cache.CAP)} in {cache.cache_folder()}"
        + (f"; nothing can be kept there: {why}" if (why := cache.unusable()) else ""),
        "runs": f"{len(all_runs())} in {RUNS.absolute()}",
    }
    if found.json:
        print_json(rows)
    else:
        print_table(("", ""), list(rows.items()))
    return 0


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return f"not installed (pip install 'fogwalk[{'huggingface' if package == 'transformers' else package}]')"
