"""The engine for uncertainty maps of ensembles: gives, beside the joint logits, the members' mean entropy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.errors import ModelFileError, ResourceError
from delineate.inference.model_file import ModelFile

#: Second output of an ensemble's file: mean over members of their entropy, (N, 1, H, W), 0…1.
MEMBER_ENTROPY = "member_entropy"


class MemberEngine:
    """ONNX Runtime; ``run`` gives (N, channels + 1, H, W), the last channel :data:`MEMBER_ENTROPY`."""

    name = "onnxruntime"

    def __init__(self, model: ModelFile, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(model.data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - the runtime's exceptions share no base class
            raise ModelFileError("model-not-onnx", path=model.path, reason=str(error).splitlines()[0][:300]) from None
        if MEMBER_ENTROPY not in [output.name for output in self._session.get_outputs()]:
            raise ModelFileError("model-record-damaged", path=model.path, reason=f"there is no output '{MEMBER_ENTROPY}'")
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            logits, entropy = self._session.run(["logits", MEMBER_ENTROPY], {self._input: batch})
        except Exception as error:  # noqa: BLE001 - as above; most often memory
            shape = "×".join(map(str, batch.shape))
            raise ResourceError("engine-failed", engine=self.name, shape=shape, reason=str(error).splitlines()[0][:300]) from None
        return np.concatenate([logits, entropy], axis=1, dtype=np.float32)
