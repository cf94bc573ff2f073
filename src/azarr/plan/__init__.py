"""Selection x chunk grid -> a plan: which chunks, and which part of each goes where.

A plan is plain data: compact tables per dimension, their product taken lazily, so that a plan over
a million chunks is neither slow nor large. It does no I/O and knows no data; the same plan serves
reading and writing. Its cost (chunks, bytes) is known before anything is done.
"""

from azarr.plan._coordinate import CoordinatePlan
from azarr.plan._cost import Cost, Terms, cost_of, human_bytes
from azarr.plan._one_step import OneStep
from azarr.plan._orthogonal import OrthogonalPlan
from azarr.plan._plan import Plan, plan_selection
from azarr.plan._resize import cut_regions, is_outside, outside_blocks
from azarr.plan._step import KeyEncoding, Step

__all__ = [
    "CoordinatePlan",
    "Cost",
    "KeyEncoding",
    "OneStep",
    "OrthogonalPlan",
    "Plan",
    "Step",
    "Terms",
    "cost_of",
    "cut_regions",
    "human_bytes",
    "is_outside",
    "outside_blocks",
    "plan_selection",
]
