"""How large and how wide to work in the time there is: the one trade-off that decides Dice per minute.

Small images lose detail, large ones leave time for fewer of them. Both losses are estimated and their sum is made small:

* detail: half of ``1 - ceiling``, the ceiling being the Dice between the data's own masks and the same masks shrunk to the
  working size and restored (measured in the fingerprint). Half, because a network's soft edges are restored more finely than a
  shrunk mask's hard ones.
* practice: ``0.018 * difficulty * (20 000 / images)^0.8``: how much worse a network is that has seen few images. Small structures
  need more practice than large organs (``difficulty`` 0.3 … 1), and an image seen more than 150 times teaches nothing new.
* capacity: ``0.008 * (16 / width)``: what a narrow network gives away.

The constants are a fit by eye to brain MRI learned with Muon in blocks of 2 (docs/performance.md: 96², 128² and 160² are alike
after the time in which 9,600 images of 96² pass; by AdamW, 192² and 256² after three times as much). They decide between
neighbouring sizes and claim nothing about the score.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from delineate.recipe import Stage

#: Seconds of one training step: (width, (rows, columns), batch) → seconds.
StepTimer = Callable[[int, tuple[int, int], int], float]

PIXELS_PER_BATCH = 16 * 128 * 128
MOST_VIEWS = 150
GROW_UNTIL = 0.65
GROW_FROM = 2 / 3


@dataclass(frozen=True)
class Choice:
    """The chosen working size and width, what they cost, and what was compared."""

    size: tuple[int, int]
    width: int
    stages: tuple[Stage, ...]
    seconds_per_step: float
    steps: int
    images: int
    compared: tuple[Mapping[str, float | int], ...] = ()


def round_to(value: float, multiple: int = 16) -> int:
    return max(multiple, round(value / multiple) * multiple)


def batch_for(size: tuple[int, int], images: float | None = None) -> int:
    """Images per step: about the same number of pixels at every size, and smaller when there would be too few steps."""
    least = 8 if size[0] * size[1] <= 320 * 320 else 4  # batch norm needs a few images
    batch = least
    while batch < 64 and 2 * batch * size[0] * size[1] <= PIXELS_PER_BATCH:
        batch *= 2
    if images is not None:
        while batch > least and images / batch < 600:
            batch //= 2
    return batch


def stages_for(size: tuple[int, int], *, grow: bool, images: float | None = None) -> tuple[Stage, ...]:
    """Working sizes over time: the first 65 % of steps at two thirds of the final size, where that is still 96 pixels."""
    final = Stage(until=1.0, size=size, batch=batch_for(size, images))
    small = (round_to(size[0] * GROW_FROM), round_to(size[1] * GROW_FROM))
    if not grow or max(small) < 96 or small == size:
        return (final,)
    return (Stage(until=GROW_UNTIL, size=small, batch=batch_for(small, images)), final)


def mean_step_seconds(stages: Sequence[Stage], width: int, timer: StepTimer) -> float:
    """Seconds per step averaged over the stages' shares."""
    total, start = 0.0, 0.0
    for stage in stages:
        total += (stage.until - start) * timer(width, stage.size, stage.batch)
        start = stage.until
    return total


def mean_batch(stages: Sequence[Stage]) -> float:
    total, start = 0.0, 0.0
    for stage in stages:
        total += (stage.until - start) * stage.batch
        start = stage.until
    return total


def interpolated_ceiling(ceilings: Mapping[int, float], side: int) -> float:
    """The ceiling at ``side``, linear between measured sizes; 1 where nothing was measured or beyond the largest."""
    known = sorted(ceilings)
    if not known:
        return 1.0
    if side <= known[0]:
        return max(0.0, 1.0 - (1.0 - ceilings[known[0]]) * known[0] / side)
    for low, high in itertools.pairwise(known):
        if low <= side <= high:
            share = (side - low) / (high - low)
            return float(ceilings[low] * (1 - share) + ceilings[high] * share)
    return 1.0 if side > known[-1] else float(ceilings[known[-1]])


@dataclass(frozen=True)
class Task:
    """What the data demand: Dice ceiling per side, planes to learn from, and how hard the structures are to find (0.3 … 1)."""

    ceilings: Mapping[int, float]
    train_planes: int
    difficulty: float = 1.0


def difficulty_of(share: float) -> float:
    """From the structures' share of the planes that show them: 1 up to 2 %, 0.3 from 20 % on, falling with the logarithm."""
    if share <= 0:
        return 1.0
    return min(1.0, max(0.3, 1.0 - 0.7 * math.log10(share / 0.02)))


def expected_loss(ceiling: float, images: float, width: int, difficulty: float = 1.0) -> float:
    """Estimate of what is lost to detail, practice and capacity (see the top of this file)."""
    practice = 0.018 * difficulty * float((20_000 / max(images, 1.0)) ** 0.8)
    return 0.5 * (1.0 - ceiling) + practice + 0.008 * (16 / width)


def choose_size_and_width(
    sizes: Sequence[tuple[int, int]],
    widths: Sequence[int],
    task: Task,
    seconds: float,
    timer: StepTimer,
    *,
    grow: bool,
    detail_counts: bool = True,
    after: Callable[[int, tuple[int, int]], float] | None = None,
) -> Choice:
    """The size and width with the least expected loss in ``seconds`` of pure training steps. Where a wider network loses more than
    a narrower one, still wider ones are not asked ``timer`` for.

    ``detail_counts`` is off in patch training, where the crop's size does not change the detail. ``after`` (width, size) → those of
    ``seconds`` that training leaves to what follows it.
    """
    best: tuple[float, Choice] | None = None
    compared: list[Mapping[str, float | int]] = []
    for width in sorted(widths):
        if best is not None and best[1].width != max(row["width"] for row in compared):
            break  # the widest so far is too wide for this time: wider ones need not be timed
        for size in sizes:
            left = seconds - (0.0 if after is None else after(width, size))
            stages = stages_for(size, grow=grow)
            rate = mean_batch(stages) / mean_step_seconds(stages, width, timer)
            stages = stages_for(size, grow=grow, images=rate * left)
            per_step = mean_step_seconds(stages, width, timer)
            steps = max(1, int(left / per_step))
            images = int(steps * mean_batch(stages))
            ceiling = interpolated_ceiling(task.ceilings, max(size)) if detail_counts else 1.0
            useful = min(images, MOST_VIEWS * task.train_planes)
            loss = expected_loss(ceiling, useful, width, task.difficulty)
            compared.append(
                {"side": max(size), "width": width, "images": images, "ceiling": round(ceiling, 4), "loss": round(loss, 4)}
            )
            choice = Choice(size, width, stages, per_step, steps, images)
            if best is None or loss < best[0]:
                best = (loss, choice)
    if best is None:
        raise ValueError("'sizes' and 'widths' must not be empty")
    choice = best[1]
    return Choice(choice.size, choice.width, choice.stages, choice.seconds_per_step, choice.steps, choice.images, tuple(compared))
