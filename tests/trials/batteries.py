"""Every battery there is."""

from __future__ import annotations

from tests.trials.flipping import BIT_FLIPS
from tests.trials.huge import HUGE
from tests.trials.illnesses import ILLNESSES
from tests.trials.killing import KILLS, OPERATION_KILLS, RECOGNITION_KILLS
from tests.trials.stories import STORIES

BATTERIES = (KILLS, OPERATION_KILLS, RECOGNITION_KILLS, STORIES, BIT_FLIPS, ILLNESSES, HUGE)
