"""The training loop, top to bottom.

    while steps are left:
        images (B, C, H, W), labels (B, H, W)  ← batch k of (seed, k), made one step ahead by a thread
        logits (B, out, H, W)                  ← network, in bf16 where the machine is faster in it
        loss → gradients → clip → update → averaged weights
        at the end of an epoch: scores of the averaged weights on validation planes → history.csv, best.safetensors, last.pt

Whatever happens is written down before it is told: after ``kill -9`` at any moment, training again with ``resume=True`` ends with
the weights an uninterrupted run ends with (on a CPU, with the recorded number of threads, without a deadline).
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from delineate.errors import DataError, RunError, TrainingDiverged
from delineate.events import EpochFinished, EventSink, Note, Progress, StageFinished, StageStarted, discard
from delineate.recipe import Recipe, Stage
from delineate.training import checkpoints, history, schedule
from delineate.training.batches import BatchMaker, Prefetcher
from delineate.training.disk import disk_error
from delineate.training.following import job_of
from delineate.training.interruption import Interrupt, memory_errors
from delineate.training.memory import keep_freed
from delineate.training.planes import PlaneCache
from delineate.training.schedule import Timeline
from delineate.training.state import State, epoch_row
from delineate.training.step import Learner
from delineate.training.team import END, RESET, RESTORE, STEP, join
from delineate.training.validation import Scores, Validator

_SAVE_EVERY = 60.0  # seconds
_TELL_EVERY = 0.2
_BAD_IN_A_ROW = 5  # steps without a finite loss; fp16 has some by design while its scale settles
_BAD_IN_A_ROW_FP16 = 20
_OVERRUN, _OVERRUN_WITHIN_EPOCH = 0.03, 0.10
_GROWTH = 1.5
#: A machine's speed goes up and down; a person is told of changes of the schedule by more than this share.
_WORTH_SAYING = 0.15
_WARM_UP_STEPS = 3  # the first steps of a process allocate and compile kernels, and say nothing of the others
_MEASURED_STEPS = 30  # before the time per step is trusted within an epoch

Stopped = Literal["finished", "early", "deadline", "interrupted"]


@dataclass(frozen=True)
class TrainingResult:
    """What training came to. ``best_score`` is the mean validation Dice (minus the loss where validation has no foreground);
    ``stopped`` is ``deadline`` only if time ran out before the schedule, shortened or not, had ended.
    """

    best_step: int
    best_score: float
    steps: int
    seconds: float
    seconds_per_step: float
    stopped: Stopped


def train(
    recipe: Recipe,
    train_cache: PlaneCache,
    validation_cache: PlaneCache | None,
    run_folder: Path,
    *,
    resume: bool = False,
    deadline: float | None = None,
    on_event: EventSink = discard,
    stop: threading.Event | None = None,
) -> TrainingResult:
    """Train ``recipe.network`` and leave ``checkpoints/best.safetensors``, ``checkpoints/last.pt``, ``history.csv`` and
    ``tensorboard/`` in ``run_folder``.

    Parameters
    ----------
    validation_cache
        ``None`` (or empty): nothing is chosen, the last averaged weights are the best ones.
    resume
        Go on from ``last.pt``; begins anew where there is none.
    deadline
        On the clock of :func:`time.monotonic`. The schedule is shortened when it would end more than 3 % late, so that the
        learning rate still falls to its end in time, and lengthened when it would end more than 6 % early: by half of the
        planned steps at most and in its first half, later only to give back what was taken.
    stop
        Set it to stop after the running step; everything is saved and the result says ``interrupted``.

    Raises
    ------
    RunError
        ``run-in-use``, ``training-exists`` (something is there and ``resume`` is not set), ``recipe-changed``,
        ``checkpoint-damaged``.
    ResourceError
        ``disk-full``, ``cannot-write``, ``out-of-memory``; the last checkpoint stays good.
    TrainingDiverged
        ``diverged``: the loss stayed infinite or NaN, also with half the learning rate.
    KeyboardInterrupt
        Ctrl-C, after a checkpoint was written.
    """
    with checkpoints.run_lock(run_folder), memory_errors(recipe), keep_freed():
        return _Run(recipe, train_cache, validation_cache, run_folder, deadline, on_event, stop or threading.Event()).go(resume)


class _Run:
    def __init__(
        self,
        recipe: Recipe,
        train_cache: PlaneCache,
        validation_cache: PlaneCache | None,
        folder: Path,
        deadline: float | None,
        on_event: EventSink,
        stop: threading.Event,
    ) -> None:
        training = recipe.training
        if not len(train_cache):
            raise DataError("no-usable-case", cases=len(train_cache.failed), reason=(train_cache.failed or [("", "-")])[0][1])
        if training.threads is not None:
            torch.set_num_threads(training.threads)
        if torch.device(training.device).type == "cuda":
            torch.backends.cudnn.benchmark = True
        self.recipe, self.training, self.folder = recipe, training, folder
        self.deadline, self.on_event, self.stop = deadline, on_event, stop
        self.digest = checkpoints.recipe_digest(recipe)
        self.data_key = f"{train_cache.key}/{len(train_cache)}"
        self.team = team = join()
        if team is not None:
            team.job(job_of(recipe, train_cache, folder))
        self.learner = Learner(recipe, team)
        self.maker = BatchMaker(train_cache, recipe)
        self.validator = Validator(validation_cache, recipe) if validation_cache is not None and len(validation_cache) else None
        self.state = State(Timeline.straight(training.steps))
        self.started_at = self.saved_at = self.told_at = time.monotonic()
        self.measured: list[float] = []  # seconds of the latest steps
        self.per_pixel: list[float] = []  # the same per pixel of the batch
        self.steps_here = 0  # in this process
        self.announced = self.state.timeline.total  # steps that a person was told of
        self.epoch_overhead = 0.0  # seconds of scoring, saving, pictures
        self.interrupt = Interrupt()

    def go(self, resume: bool) -> TrainingResult:
        self._begin(resume)
        self.on_event(StageStarted("train", self.state.timeline.total))
        with ExitStack() as stack:
            stack.enter_context(self.interrupt.listening())
            batches = stack.enter_context(Prefetcher(self.maker.make, self._stage))
            self.board = history.Board(self.folder, self.state.step, self.on_event)
            stack.callback(self.board.close)

            stopped: Stopped | None = None
            while stopped is None:
                if self._epoch_is_due():
                    stopped = self._finish_epoch()
                elif self.state.step >= self.state.timeline.total:
                    stopped = "deadline" if self.state.cut else "finished"
                elif self._asked_to_stop():
                    stopped = "interrupted"
                else:
                    self._train_step(batches)
                    self._after_step()

        if self.team is not None:
            self.team.order(END)
        if stopped == "interrupted":
            self._save()
            if self.interrupt.asked:
                raise KeyboardInterrupt
        state = self.state
        self.on_event(StageFinished("train", state.seconds))
        per_step = float(np.median(self.measured)) if self.measured else math.nan
        return TrainingResult(state.best_step, state.best_score, state.step, state.seconds, per_step, stopped)

    def _begin(self, resume: bool) -> None:
        saved = checkpoints.load_last(self.folder, self.digest) if resume else None
        if not resume and (self.folder / checkpoints.LAST).exists():
            raise RunError("training-exists", path=self.folder)
        if saved is not None:
            if saved["data"] != self.data_key:
                self.on_event(Note("data-changed", level="warning"))
            if saved["threads"] != torch.get_num_threads() and self.learner.device.type == "cpu":
                self.on_event(Note("threads-changed", {"before": saved["threads"], "now": torch.get_num_threads()}))
            self._restore(saved)
            self._write_history()  # it may have been cut off between last.pt and history.csv
            self.on_event(Note("resumed", {"step": self.state.step, "total": self.state.timeline.total}))
        if self.validator is not None and not self.validator.selection.whole:
            chosen = self.validator.selection
            params = {
                "groups": chosen.groups,
                "all": chosen.all_groups,
                "planes": len(chosen.indices),
                "all_planes": chosen.all_planes,
            }
            self.on_event(Note("validation-subset", params))

    # --- one step ---------------------------------------------------------------------------------------------------------------

    def _train_step(self, batches: Prefetcher) -> None:
        state = self.state
        started = time.monotonic()
        stage = schedule.stage_at(self.training, state.timeline.progress(state.step))
        images, labels = batches.get(state.step, stage)
        arrived = time.monotonic()
        lr = schedule.learning_rate(self.training, state.timeline.progress(state.step), state.history)
        if self.team is not None:
            self.team.order(STEP, state.step, self.training.stages.index(stage), lr * self.learner.lr_scale)
        loss = self.learner.step(images, labels, state.step, lr)
        ended = time.monotonic()

        state.step += 1
        state.seconds += ended - started
        state.busy += ended - started
        state.waited += arrived - started
        self.steps_here += 1
        if self.steps_here > _WARM_UP_STEPS:
            self.measured = [*self.measured[-200:], ended - started]
            self.per_pixel = [*self.per_pixel[-200:], (ended - started) / (stage.batch * stage.size[0] * stage.size[1])]
        if loss is None:
            self._bad_step()
            return
        state.bad_in_a_row = 0
        state.loss_sum += loss
        state.loss_count += 1
        state.images += len(images)

    def _bad_step(self) -> None:
        """The loss or a gradient was not finite and the step was skipped. Often it passes; else go back once, more slowly."""
        state = self.state
        state.bad_steps += 1
        state.bad_in_a_row += 1
        if state.bad_in_a_row < (_BAD_IN_A_ROW_FP16 if self.training.precision == "fp16" else _BAD_IN_A_ROW):
            return
        if state.rescued:
            raise TrainingDiverged("diverged", step=state.step, lr=self.training.lr)
        self.on_event(Note("diverging", {"step": state.step}, "warning"))
        saved = checkpoints.load_last(self.folder, self.digest)
        if saved is None:
            if self.team is not None:
                self.team.order(RESET)
            self.learner = Learner(self.recipe, self.team)
            self.state = State(Timeline.straight(self.training.steps), seconds=state.seconds)
        else:
            self._restore(saved)
        self.state.bad_steps, self.state.bad_in_a_row, self.state.rescued = state.bad_steps, 0, True
        self.learner.lr_scale *= 0.5

    def _restore(self, saved: dict[str, Any]) -> None:
        self.learner.restore(saved["learner"])
        self.state = State.parse(saved["state"])
        if self.team is not None:
            self.team.order(RESTORE)

    def _after_step(self) -> None:
        now = time.monotonic()
        state = self.state
        if now - self.told_at >= _TELL_EVERY:
            self.told_at = now
            per_step = float(np.mean(self.measured[-50:])) if self.measured else math.inf
            stage = schedule.stage_at(self.training, state.timeline.progress(state.step))
            values = {
                "loss": state.loss_sum / max(state.loss_count, 1),
                "images_per_second": stage.batch / per_step,
                "seconds_left": self._seconds_needed(),
                "best": max(state.best_score, 0.0),
            }
            self.on_event(Progress("train", state.step, state.timeline.total, values))
        if now - self.saved_at >= _SAVE_EVERY:
            self._save()
        if state.step % _MEASURED_STEPS == 0 and self._epoch_is_too_long():
            self._keep_deadline(_OVERRUN_WITHIN_EPOCH)

    # --- epochs -----------------------------------------------------------------------------------------------------------------

    def _epoch_is_due(self) -> bool:
        state = self.state
        done = state.history[-1]["step"] if state.history else 0
        return state.step != done and schedule.ends_epoch(state.step, state.timeline, self.training.epoch_steps)

    def _finish_epoch(self) -> Stopped | None:
        """Score, write down, tell; a reason to stop or ``None``."""
        state = self.state
        started = time.monotonic()
        scores = None
        if self.validator is not None:
            scores = self.validator.score(self.learner, self._asked_to_stop)
            if scores is None:
                return "interrupted"  # the epoch is due again after a resume
        state.seconds += time.monotonic() - started

        lr = schedule.learning_rate(self.training, state.timeline.progress(state.step - 1), state.history)
        row = epoch_row(state, lr * self.learner.lr_scale, scores, self.recipe.labels)
        state.history.append(row)
        score = self._selection_score(scores)
        best = score > state.best_score
        if best:
            state.best_score, state.best_step = score, state.step
            checkpoints.save_best(self.folder, self.learner.averaged, state.step, score)
        state.loss_sum, state.loss_count, state.images, state.busy, state.waited = 0.0, 0, 0, 0.0, 0.0
        self._keep_deadline(_OVERRUN)
        self._save()
        self._write_history()
        self._show(row)
        self.epoch_overhead = time.monotonic() - started
        metrics = {key: value for key, value in row.items() if value is not None}
        self.on_event(EpochFinished(len(state.history), state.step, metrics, best))
        if state.step >= state.timeline.total:
            return "deadline" if state.cut else "finished"
        waited = sum(1 for past in state.history if (past["step"] or 0) > state.best_step)
        if self.training.patience is not None and waited >= self.training.patience and self.validator is not None:
            return "early"
        return None

    def _selection_score(self, scores: Scores | None) -> float:
        """Higher is better: mean Dice; minus the loss without foreground; the step number without validation."""
        if scores is None or self.validator is None:
            return float(self.state.step)
        score = scores.dice if self.validator.has_foreground else -scores.loss
        return score if math.isfinite(score) else -math.inf

    def _show(self, row: history.Row) -> None:
        try:
            self.board.scalars(row)
            if self.validator is not None:
                self.board.pictures(self.validator.examples(self.learner), self.state.step)
        except OSError as error:
            raise disk_error(error, self.folder / "tensorboard") from None

    def _write_history(self) -> None:
        history.write_history(self.folder / "history.csv", self.state.history, self.recipe.labels)

    # --- time -------------------------------------------------------------------------------------------------------------------

    def _seconds_needed(self) -> float:
        state = self.state
        if not self.measured:
            return 0.0
        steps = state.timeline.total - state.step
        epochs = math.ceil(steps / self.training.epoch_steps)
        pixels = schedule.pixels_left(self.training, state.timeline, state.step)
        return pixels * float(np.mean(self.per_pixel[-100:])) + epochs * self.epoch_overhead

    def _epoch_is_too_long(self) -> bool:
        """Whether waiting for the epoch's end would use up much of what is left. Else that is the better moment to shorten: a
        machine that is busy for a minute must not cost half of the training."""
        if self.deadline is None or len(self.measured) < _MEASURED_STEPS:
            return False
        steps = self.training.epoch_steps - self.state.step % self.training.epoch_steps
        return steps * float(np.mean(self.measured[-100:])) > 0.3 * (self.deadline - time.monotonic())

    def _keep_deadline(self, tolerance: float) -> None:
        """Shorten the schedule where it would end later than ``tolerance`` × the time allowed in all; lengthen it where it would
        leave twice that unused."""
        state = self.state
        if self.deadline is None or state.step >= state.timeline.total:
            return
        left = self.deadline - time.monotonic()
        allowance = tolerance * max(self.deadline - self.started_at, 0.0)
        now = state.timeline.total
        # The trial before training may have met a busy machine: in its first half the schedule may grow by half.
        early = state.timeline.progress(state.step) < 0.5
        most = round(self.training.steps * (_GROWTH if early else 1.0))
        total = schedule.fitting_total(state.step, now, max(most, now), self._seconds_needed(), left, allowance)
        if total is not None:
            if abs(total - self.announced) > _WORTH_SAYING * self.announced:
                code = "schedule-shortened" if total < self.announced else "schedule-lengthened"
                self.on_event(Note(code, {"before": self.announced, "after": total}))
                self.announced = total
            state.timeline = state.timeline.retimed(state.step, total)
            state.cut = total == state.step

    # --- keeping ----------------------------------------------------------------------------------------------------------------

    def _stage(self, step: int) -> Stage | None:
        if step >= self.state.timeline.total:
            return None
        return schedule.stage_at(self.training, self.state.timeline.progress(step))

    def _save(self) -> None:
        self.saved_at = time.monotonic()
        checkpoints.save_last(
            self.folder,
            {
                "digest": self.digest,
                "data": self.data_key,
                "threads": torch.get_num_threads(),
                "learner": self.learner.state(),
                "state": self.state.plain(),
            },
        )

    def _asked_to_stop(self) -> bool:
        return self.stop.is_set() or self.interrupt.asked
