"""Emergency access ("break the glass"): one person, one patient, half an hour, and a review by somebody else."""

from bedside.auth.glass.breaking import GLASS_LIFE, NOTE_MAX, NOTE_MIN, REASONS, break_glass
from bedside.auth.glass.ending import end_glass
from bedside.auth.glass.refusing import GlassRefused
from bedside.auth.glass.reviewing import REVIEW_NOTE_MAX, VERDICTS, review_glass
from bedside.auth.glass.standing import may_break, standing_for, told_to_services
from bedside.auth.glass.step_up import StepUp, step_up_wanted

__all__ = [
    "GLASS_LIFE",
    "NOTE_MAX",
    "NOTE_MIN",
    "REASONS",
    "REVIEW_NOTE_MAX",
    "VERDICTS",
    "GlassRefused",
    "StepUp",
    "break_glass",
    "end_glass",
    "may_break",
    "review_glass",
    "standing_for",
    "step_up_wanted",
    "told_to_services",
]
