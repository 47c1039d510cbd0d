"""This machine: its cores, its accelerator, the number formats it is quick at, and what must be equal for equal bits.

Before this   settings/; torch begins here.
After this    training/ and run.py place models on a device.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch

from fogwalk import __version__
from fogwalk.errors import SettingError


def pick_device(name: str) -> torch.device:
    """The device called `name`; auto takes a GPU when there is one. Raises SettingError when it is not there."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available[name]:
        there = ", ".join(kind for kind, usable in available.items() if usable)
        raise SettingError(
            "device", found=f"this machine has no {name} device that torch can use", remedy=f"It has: {there}."
        )
    return torch.device(name)


def give_back_memory() -> None:
    """Ask the C library for what was freed: glibc keeps it for later, a gigabyte after byte pairs were learned (measured)."""
    with suppress(OSError, AttributeError, TypeError):  # another C library, another system
        ctypes.CDLL(None).malloc_trim(0)


# Numbers of glibc's mallopt: how many blocks are asked of the system one by one, and how much freed memory is kept.
_MMAP_MAX, _TRIM_THRESHOLD = -4, -1


def keep_freed_memory() -> None:
    """Keep what each step frees for the next one, where the C library is glibc.

    Left alone it hands every large block back to the system and asks for it anew: with a vocabulary of 8,192 a step takes 1.7
    times as long (benchmarks/kept.py), and on a machine short of free pages ten times. It holds for the whole process, also of
    someone who calls `fogwalk.train` from a program.
    """
    with suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def free_memory(device: torch.device) -> int | None:
    """Bytes that a program may still ask for; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable"):
                return int(line.split()[1]) * 1024
    return None


def cores() -> int:
    """Physical cores this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    physical = int(torch.cpu.get_capabilities().get("num_physical_cores", allowed)) or allowed
    return max(1, min(allowed, physical))


def quick_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 products run on units made for them; elsewhere they are slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def compiler() -> bool:
    """Whether the C++ compiler that generated CPU code needs is there."""
    return any(shutil.which(name) for name in ("g++", "clang++", "c++", "cl"))


def _compiler_version() -> str:
    """The first line of what the compiler says of itself."""
    from torch._inductor.cpp_builder import get_cpp_compiler

    told = subprocess.run([get_cpp_compiler(), "--version"], capture_output=True, text=True, check=False).stdout
    return next(iter(told.splitlines()), "unknown")


def fingerprint(device: torch.device, threads: int, *, compiled: bool = False) -> dict[str, str]:
    """What must be equal for a resumed run to be equal bit for bit."""
    name = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else str(torch.cpu.get_capabilities().get("cpu_name", platform.processor()))
    )
    return {
        "device": device.type,
        "processor": name,
        "machine": platform.machine(),
        "threads": str(threads),
        "torch": str(torch.__version__),
        "numpy": np.__version__,  # draws the order of the training windows
        "fogwalk": __version__,
        **({"compiler": _compiler_version()} if compiled else {}),
    }


def deterministic(mode: bool, *, warn_only: bool) -> None:
    """torch.use_deterministic_algorithms, which imports the compiler to tell it too: a second that only compiled code needs
    (measured), so that it is told when there is some: `deterministic_compiler`."""
    if "torch._inductor.config" in sys.modules:
        torch.use_deterministic_algorithms(mode, warn_only=warn_only)
    else:
        torch._C._set_deterministic_algorithms(mode, warn_only=warn_only)


def deterministic_compiler() -> None:
    """Code that is generated from now on repeats its bits where the rest does."""
    torch.use_deterministic_algorithms(
        torch.are_deterministic_algorithms_enabled(), warn_only=torch.is_deterministic_algorithms_warn_only_enabled()
    )


@contextmanager
def exactly(threads: int, device: str = "cpu") -> Iterator[None]:
    """Arithmetic that repeats bit for bit, on `threads` cores; what was set before is set again afterwards.

    Compiled CPU steps differ from run to run without deterministic algorithms (measured), and are no slower with them.
    Chance drawn inside leaves the caller's generators where they were.
    """
    before = torch.get_num_threads()
    before_deterministic = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it, and refuses without
    torch.set_num_threads(threads)
    # Elsewhere some kernels have no deterministic form: torch warns and goes on, and a resume promises less.
    deterministic(True, warn_only=device != "cpu")
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(before)
        deterministic(before_deterministic, warn_only=only_warned)
