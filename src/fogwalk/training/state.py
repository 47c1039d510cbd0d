"""What a run carries from one step to the next, and the parts that a step is made of.

Before this   models/, tasks/, optimizers/, schedule.py.
After this    loop.py changes it; checkpoint.py keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from fogwalk.hardware import deterministic_compiler, keep_freed_memory
from fogwalk.registry import OPTIMIZERS
from fogwalk.settings import Settings
from fogwalk.tasks.protocol import Task, Training
from fogwalk.training.course import Course
from fogwalk.training.optimizers.protocol import Optimizer


@dataclass
class State:
    """After `step` updates. `seconds` is the run's life before this process; `best` the step with the lowest
    validation loss."""

    model: nn.Module
    optimizer: Optimizer
    step: int = 0
    seconds: float = 0.0
    best_step: int | None = None
    best_loss: float | None = None
    began: float = field(default_factory=time.monotonic)

    def age(self) -> float:
        """Seconds of this run's life, pauses between processes left out."""
        return self.seconds + time.monotonic() - self.began


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """In which number format products are made, and whether code was generated for this model."""

    device: torch.device
    precision: str
    compiled: bool = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        reduced = self.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=reduced):
            yield

    def forward(self, model: nn.Module) -> Callable[..., torch.Tensor]:
        """The model's forward pass: the model itself, or the same compiled; equal up to rounding."""
        if not self.compiled:
            return model
        deterministic_compiler()
        torch._dynamo.reset()  # a second run in one process must not inherit the first one's guards
        return torch.compile(model, dynamic=False)


def arithmetic_of(settings: Settings) -> Arithmetic:
    """The arithmetic of closed settings."""
    return Arithmetic(
        device=torch.device(settings.device),
        precision=settings.training.precision,
        compiled=settings.training.compile == "on",
    )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The fixed parts of every step of a run."""

    task: Task
    batches: Training
    course: Course
    arithmetic: Arithmetic
    clip: float | None
    accumulate: int
    seed: int


def begin(model: nn.Module, settings: Settings, device: torch.device) -> State:
    """The model drawn from the seed, and an optimizer that remembers nothing yet."""
    keep_freed_memory()
    initialise(model, settings.seed)
    model.to(device)
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    return State(model, OPTIMIZERS.get(settings.optimizer.name).build(named, settings.optimizer))


def initialise(model: nn.Module, seed: int) -> None:
    """Draw the model's parameters from the seed."""
    draw = getattr(model, "initialise", None)
    assert draw is not None, "a model says how its parameters begin"
    draw(torch.Generator().manual_seed(seed))


def recipe(task: Task, course: Course, arithmetic: Arithmetic) -> Recipe:
    """The fixed parts of a run, and the course it is on."""
    settings = course.settings
    return Recipe(
        task=task,
        batches=task.training(),
        course=course,
        arithmetic=arithmetic,
        clip=settings.optimizer.clip,
        accumulate=settings.training.accumulate,
        seed=settings.seed,
    )
