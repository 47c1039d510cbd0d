"""A text to begin with, so that a field is never empty.

Before this   run.py opens runs.
After this    round.py and records.py beside this file ask about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogwalk.errors import FogwalkError

if TYPE_CHECKING:
    from fogwalk.run import Run

SHORT = 24  # letters, below which a prompt is taken further
FURTHER = 48  # letters of what was said after it


def begun(run: Run, *, further: bool = False) -> str:
    """What the run's samples go on from, as much of its end as the model looks back over; with `further` and how the last of them
    went on, up to the end of its first line. Before there is a sample the prompt of the settings, or the beginning of the text;
    and where that is gone the first token that the model knows."""
    tokenizer, context = run.tokenizer, run.settings.context
    words = tokenizer.decode(tokenizer.encode(_begun(run, further)).tolist()[-context:])
    while len(tokenizer.encode(words)) > context:  # read again, half a word may fall into more tokens
        words = words[1:]
    return words or tokenizer.decode([0])


def _begun(run: Run, further: bool) -> str:
    from fogwalk.tasks.language import Language

    sampled = [record for record in run.events() if record["event"] == "sampled"]
    if sampled:
        prompt, text = str(sampled[-1]["prompt"]), str(sampled[-1]["text"])
        goes_on = text.lstrip("\n").partition("\n")[0][:FURTHER].rstrip()
        return prompt + goes_on if further and len(prompt) < SHORT else prompt
    try:
        return run.settings.training.sample_prompt or Language(run.settings, run.checkpoint / "encoding").opening()
    except FogwalkError:
        return ""
