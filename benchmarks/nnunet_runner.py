"""nnU-Net 2-D (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z), its own code untouched, stopped by the clock.

Run by dice_vs_time.py with a Python that has ``nnunetv2`` (Apache-2.0), which may be another than ours, since it pins versions of
its own::

    python nnunet_runner.py JOB.json

Fingerprint, planning and preprocessing are its own and count as time; then its trainer's own steps (SGD 0.01, deep supervision,
heavy augmentation in other processes). What is left out is what its default needs hours for: with epochs of 250 steps it would
validate and save nothing within the time. At the marks the network predicts the volumes given, mirrored and in tiles as usual, off
the clock.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def main(job_file: Path) -> None:
    job: dict[str, Any] = json.loads(job_file.read_text(encoding="utf-8"))
    folder = Path(job["folder"])
    for name in ("raw", "preprocessed", "results"):
        os.environ[f"nnUNet_{name}"] = str(folder / name)
    os.environ.setdefault("nnUNet_n_proc_DA", str(job["threads"]))
    os.environ["nnUNet_compile"] = "false"  # noqa: SIM112 - its own spelling
    import torch
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
    from nnunetv2.run.run_training import get_trainer_from_args

    torch.set_num_threads(job["threads"])
    device = torch.device(job["device"])
    extract_fingerprints([501], num_processes=job["threads"])
    plan_experiments([501])
    preprocess([501], configurations=["2d"], num_processes=[job["threads"]])
    (folder / "preprocessed" / job["dataset"] / "splits_final.json").write_text(
        json.dumps([{"train": job["train"], "val": job["train"][:1]}]), encoding="utf-8"
    )
    trainer = get_trainer_from_args("501", "2d", 0, device=device)
    trainer.on_train_start()
    trainer.on_epoch_start()
    trainer.on_train_epoch_start()
    steps, quickest, paused, done = 0, 0.0, 0.0, []
    batch = int(trainer.configuration_manager.batch_size)
    for mark in job["marks"]:
        while (spent := time.time() - job["begun"] - paused) + quickest <= mark or steps == 0:
            trainer.train_step(next(trainer.dataloader_train))
            steps += 1
            took = time.time() - job["begun"] - paused - spent
            quickest = min(quickest or took, took)
        spent = time.time() - job["begun"] - paused
        halted = time.time()
        _predict(trainer, job, folder / f"masks_{mark:g}")
        done.append({"mark": mark, "seconds": spent, "images": steps * batch, "steps": steps})
        (folder / "marks.json").write_text(json.dumps(done), encoding="utf-8")
        paused += time.time() - halted


def _predict(trainer: Any, job: dict[str, Any], out: Path) -> None:
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    out.mkdir(exist_ok=True)
    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    predictor = nnUNetPredictor(device=trainer.device, allow_tqdm=False, perform_everything_on_device=False)
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        None,
        trainer.dataset_json,
        trainer.__class__.__name__,
        trainer.inference_allowed_mirroring_axes,
    )
    predictor.list_of_parameters = [trainer.network.state_dict()]
    for name, files in job["test"].items():
        pixels, properties = SimpleITKIO().read_images(files)
        np.save(out / f"{name}.npy", predictor.predict_single_npy_array(pixels, properties).astype(np.uint8))
    trainer.set_deep_supervision_enabled(True)
    trainer.network.train()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
