"""One pass through a model, to be looked at from any side: every value it made, under the parameters it was made with.

Before this   capture.py opens the probes; accounts/ know the modules.
After this    one_step.py and answer.py are such passes; telling/entry.py opens any entry of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from fogwalk.errors import UsageError
from fogwalk.insight.accounts.protocol import Account, Work
from fogwalk.insight.capture import Value
from fogwalk.registry import ACCOUNTS, nearest


class Seen:
    """A model, the `values` it made by name, in the order they were made, and its `parameters` then."""

    model: nn.Module

    @property
    def title(self) -> str:
        """What this pass was, for a heading."""
        raise NotImplementedError

    @property
    def values(self) -> dict[str, Value]:
        """Everything seen, by name."""
        raise NotImplementedError

    @property
    def parameters(self) -> dict[str, Tensor]:
        """By name; what is tied stands once."""
        raise NotImplementedError

    @property
    def input_names(self) -> list[str]:
        """What each number of a row stands for; empty where what is read has no names."""
        return []

    def answer_name(self, output: int) -> str:
        """What number `output` of what comes out at the end stands for: a class or a token; nothing where it is a number."""
        raise NotImplementedError

    def token(self, row: int, place: int) -> str:
        """The token at a place; nothing where no text is read."""
        raise NotImplementedError

    def work(self, path: str) -> Work:
        """What the module at a path did."""
        work = work_of(self.model, path, self.values, self.parameters)
        return replace(work, names=self._names(path)) if path else work

    def _names(self, path: str) -> tuple[str, ...]:
        """What the first numbers that go into a module stand for: columns, where it reads them as they are."""
        names, given, read = self.input_names, self.values.get("input"), self.values.get(f"{path}.input")
        listed = sum(path.startswith("embedding.") for path in self.modules()) if names else 0
        columns = len(names) - listed
        if not names or given is None or read is None or given.value.dim() != 2 or read.value.dim() != 2:
            return ()
        alike = read.value.shape[1] >= columns and torch.equal(read.value[:, :columns], given.value[:, :columns])
        return tuple(name if len(name) <= 20 else name[:19] + "…" for name in names[:columns]) if alike else ()

    def said(self, name: str, at: tuple[int, ...]) -> str:
        """What an entry of what comes out at the end stands for; of any other value nothing."""
        if name not in self.values or self.values[name].value is not self.values["output"].value:
            return ""
        return self.answer_name(at[-1])

    def accounts(self) -> Iterator[tuple[Work, Account]]:
        """Every module that an account is known for, in the order in which they finish."""
        for path in self.modules():
            work = self.work(path)
            if (account := account_of(work.module)) is not None:
                yield work, account

    def modules(self) -> list[str]:
        """The paths of all modules that did something, in the order in which they finished."""
        ended = [name.removesuffix("output").removesuffix(".") for name in self.values if name.endswith("output")]
        known = dict(self.model.named_modules())
        return [path for path in ended if path in known]


def work_of(model: nn.Module, path: str, values: Mapping[str, Value], parameters: Mapping[str, Tensor]) -> Work:
    """What the module at a path did, out of all that was seen and of all parameters by name; what is tied is known by both."""
    module = model.get_submodule(path)
    within = f"{path}." if path else ""
    first = {id(parameter): name for name, parameter in model.named_parameters()}
    own = {name: first[id(parameter)] for name, parameter in module.named_parameters(remove_duplicate=False)}
    return Work(
        path,
        module,
        {name.removeprefix(within): value for name, value in values.items() if name.startswith(within)},
        {name: parameters[known] for name, known in own.items() if known in parameters},
    )


def account_of(module: nn.Module) -> Account | None:
    """The account of a module of this class; None where no formula is known."""
    name = type(module).__name__
    if name not in ACCOUNTS or not type(module).__module__.startswith(("fogwalk.", "torch.nn.")):
        return None
    account: Account = ACCOUNTS.get(name)()
    return account


def require_name(name: str, model: nn.Module, values: Iterable[str]) -> None:
    """Raise UsageError where nothing is called so, with the nearest names."""
    parameters = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    names = [*(path for path, _ in model.named_modules() if path), *values, *parameters, "loss"]
    if name not in names:
        close = nearest(name, names)
        raise UsageError(
            f"nothing in this model is called '{name}'",
            expected=f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(names[:12])}, …",
            remedy="The first column of `fogwalk explain` names the layers; add .weight, .input or .output to look closer.",
        )
