"""Images whose channels lie in files of their own (``case_0000.nii.gz``, ``case_0001.nii.gz``), put together as in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from delineate.domain import Case, Image, Source
from delineate.formats import read_image
from delineate.inference.inputs import Job
from delineate.recipe import ModelRecord


def with_channels(jobs: Sequence[Job], record: ModelRecord) -> list[Job]:
    """Jobs of one channel's file joined to one job an image, called by what the names share. A file whose sisters are not beside
    it stays as it is: reading it will say what the model wants."""
    endings = record.provenance.get("channel_endings")
    if not isinstance(endings, list) or not 1 < len(endings) <= record.preprocessing.channels:
        return list(jobs)
    joined: list[Job] = []
    used: set[Path] = set()
    for job in jobs:
        if job.item is None and job.stem.endswith(endings[0]):
            stem = job.stem.removesuffix(endings[0])
            suffix = job.path.name[len(job.stem) :]  # as it is written, upper case or not
            sisters = tuple(job.path.with_name(f"{stem}{ending}{suffix}") for ending in endings[1:])
            if stem and all(path.is_file() for path in sisters):
                job = replace(job, stem=stem, channels=sisters)
                used.update(sisters)
        joined.append(job)
    return [job for job in joined if job.path not in used]


def read_job(job: Job) -> Image:
    """The job's image, its channels put together; raises what reading raises."""
    if not job.channels:
        return read_image(job.path, item=job.item)
    from delineate.dataset import load_image  # not needed, nor waited for, where an image is one file

    return load_image(Case(job.stem, tuple(Source(path) for path in (job.path, *job.channels))))
