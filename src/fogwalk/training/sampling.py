"""Now and then the model is shown at work, with the same question each time: a film of its learning.

Before this   evaluation.py has validated the step.
After this    cli/progress.py prints the sample; the page will play the film.
"""

from __future__ import annotations

import torch

from fogwalk.events import Event, Listener, Resumed, Sampled, StepDone
from fogwalk.tasks.protocol import Task
from fogwalk.training.course import Course
from fogwalk.training.state import State


class Sampler:
    """Shows an answer every `every` steps and after the last; with its own generator, so training's chance is untouched."""

    def __init__(self, state: State, task: Task, emit: Listener, *, every: int, course: Course, seed: int) -> None:
        self.state = state
        self.task = task
        self.emit = emit
        self.every = every
        self.course = course
        self.seed = seed

    def __call__(self, event: Event) -> None:
        if not isinstance(event, StepDone | Resumed) or not self.every or not event.step:
            return
        if event.step % self.every == 0 or event.step == self.course.steps:
            model = self.state.model
            model.eval()
            prompt, text = self.task.show(
                model, torch.Generator(next(model.parameters()).device).manual_seed(self.seed)
            )
            model.train()
            self.emit(Sampled(step=event.step, seconds=self.state.age(), prompt=prompt, text=text))
