"""One layer of a pass, as the page draws it: each formula with its numbers, in words and in code.

Before this   a step or an answer was made with every value on the way.
After this    steps.py and answers.py beside this file send it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fogwalk.insight.seen import Seen


def layer_told(seen: Seen, name: str, where: dict[str, int]) -> dict[str, Any]:
    """What a module made at one place, and what it passed back. Raises UsageError for a place outside."""
    from fogwalk.insight.seen import account_of
    from fogwalk.insight.telling.entry import Place, module_told

    at, told = module_told(seen, name, Place(**where))
    value, module = seen.values[f"{name}.output"], seen.model.get_submodule(name)
    account = account_of(module)
    return {
        "name": name,
        "type": type(module).__name__,
        "axes": list(value.axes),
        "shape": list(value.value.shape),
        "at": list(at),
        "result": float(value.value[at]),
        "said": seen.said(value.name, at),
        "formula": account.formula_of(module) if account else "",
        "chain": account.chain if account else "",
        "plain": account.plain if account else "",
        "plain_back": account.plain_back if account else "",
        "code": account.code if account else "",
        "forward": [asdict(line) for line in told.forward],
        "backward": [asdict(line) for line in told.backward],
    }
