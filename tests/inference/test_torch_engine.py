"""The torch engine computes what ONNX Runtime does, operator by operator and network by network; without torch it says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")

import onnxruntime  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from delineate.errors import MissingExtra, ModelFileError, ResourceError  # noqa: E402
from delineate.export import export_onnx  # noqa: E402
from delineate.inference import ModelFile, Predictor, trial  # noqa: E402
from delineate.inference.engines import registry  # noqa: E402
from delineate.inference.torch_operators import OPERATORS, attributes  # noqa: E402
from delineate.models import build  # noqa: E402
from delineate.recipe import ModelRecord, NetworkRecipe, Normalisation, Preprocessing  # noqa: E402

from .conftest import MakeModel  # noqa: E402

RNG = np.random.default_rng(5)
X = RNG.normal(size=(2, 8, 12, 10)).astype(np.float32)
W = RNG.normal(size=(6, 8, 3, 3)).astype(np.float32)


def ints(*values: int) -> np.ndarray[Any, Any]:
    return np.array(values, np.int64)


def floats(*values: float) -> np.ndarray[Any, Any]:
    return np.array(values, np.float32)


WHERE = "coordinate_transformation_mode"
#: operator, inputs after the image, attributes
CASES: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("Conv", [W, floats(*range(6))], {"pads": [1, 1, 1, 1]}),
    ("Conv", [W], {"pads": [0, 1, 2, 1], "strides": [2, 1]}),
    ("Conv", [W[:, :4]], {"group": 2, "dilations": [2, 2]}),
    ("ConvTranspose", [W.transpose(1, 0, 2, 3).copy()], {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ("MaxPool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("MaxPool", [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1], "ceil_mode": 0}),
    ("MaxPool", [], {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    ("AveragePool", [], {"kernel_shape": [2, 3], "strides": [2, 1]}),
    ("GlobalAveragePool", [], {}),
    (
        "Resize",
        [None, floats(1, 1, 2, 2)],
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    ("Resize", [None, None, ints(2, 8, 23, 17)], {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}),
    ("Resize", [None, None, ints(2, 8, 23, 17)], {"mode": "linear", "coordinate_transformation_mode": "align_corners"}),
    ("Slice", [ints(1, 0), ints(9, 100), ints(2, 3), ints(2, 1)], {}),
    ("Slice", [ints(-5), ints(-1), ints(-1)], {}),
    ("Pad", [ints(0, 0, 1, 2, 0, 0, 3, 0), floats(7.0).reshape(())], {"mode": "constant"}),
    ("Pad", [ints(0, 0, 1, 2, 0, 0, 3, 0)], {"mode": "reflect"}),
    ("Pad", [ints(0, 0, 1, 2, 0, 0, 3, 0)], {"mode": "edge"}),
    ("LeakyRelu", [], {"alpha": 0.2}),
    ("HardSigmoid", [], {"alpha": 0.17, "beta": 0.4}),
    ("HardSwish", [], {}),
    ("Softmax", [], {"axis": 1}),
    ("Clip", [floats(-0.5).reshape(()), floats(0.7).reshape(())], {}),
    ("Clip", [None, floats(0.7).reshape(())], {}),
    ("Add", [floats(3.0)], {}),
    ("Sub", [floats(3.0)], {}),
    ("Mul", [X[:1]], {}),
    ("Div", [floats(3.0)], {}),
    ("Pow", [floats(2.0)], {}),
    ("Concat", [X], {"axis": 1}),
    ("Reshape", [ints(0, -1, 5)], {}),
    ("Squeeze", [], {}),
    ("Unsqueeze", [ints(0, 3)], {}),
    ("Transpose", [], {"perm": [0, 2, 3, 1]}),
    ("Gather", [ints(3, 1)], {"axis": 1}),
    ("ReduceMean", [ints(2, 3)], {"keepdims": 1}),
    ("Cast", [], {"to": 1}),
    ("InstanceNormalization", [floats(*range(8)), floats(*range(8))], {"epsilon": 1e-3}),
    ("DepthToSpace", [], {"blocksize": 2, "mode": "DCR"}),
    ("DepthToSpace", [], {"blocksize": 2, "mode": "CRD"}),
    ("SpaceToDepth", [], {"blocksize": 2}),
    *[(name, [], {}) for name in ("Relu", "Sigmoid", "Tanh", "Erf", "Exp", "Identity", "Shape")],
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_an_operator_is_onnxs(case: tuple[str, list[Any], dict[str, Any]]) -> None:
    name, others, settings = case
    names = ["" if value is None else f"i{number}" for number, value in enumerate(others)]
    node = helper.make_node(name, ["x", *names], ["y"], **settings)
    tensors = [numpy_helper.from_array(value, label) for value, label in zip(others, names, strict=True) if label]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, X.shape)], [onnx.ValueInfoProto(name="y")]
    graph = helper.make_graph([node], "g", *ends, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    wanted = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": X})[0]
    arguments = [None if value is None else torch.from_numpy(value) for value in others]
    found = OPERATORS[name](attributes(node))(torch.from_numpy(X), *arguments).numpy()
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=2e-5)


NETWORKS = {
    "unet": {"widths": [4, 8]},
    "attention_unet": {"widths": [4, 8]},
    "resunet": {"widths": [4, 8], "norm": "instance"},
    "unetplusplus": {"widths": [4, 8]},
}


def smooth_planes(channels: int) -> np.ndarray[Any, Any]:
    import cv2

    coarse = RNG.normal(size=(channels, 6, 5)).astype(np.float32)
    return np.stack([cv2.resize(plane, (70, 90), interpolation=cv2.INTER_CUBIC) for plane in coarse])[np.newaxis]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_its_own_answers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    torch.manual_seed(0)
    network = build(NetworkRecipe(name=name, options=NETWORKS[name]), 1, 1).eval()
    recipe = Preprocessing(fit="scale", multiple=1, normalisation=Normalisation(scheme="none"))
    model = ModelFile.open(export_onnx(network, ModelRecord(preprocessing=recipe), tmp_path / "m.onnx", in_channels=1))
    planes = smooth_planes(1)
    exact, ours = (Predictor(model, engine=engine).logits(planes) for engine in ("onnxruntime", "torch"))
    np.testing.assert_allclose(ours, exact, atol=1e-4 * np.abs(exact).max())


def test_all_engines_decide_alike(tmp_path: Path) -> None:
    """A trained network in the precision each engine uses here: masks differ on at most 0.1 % of the pixels."""
    from delineate.formats import read_image
    from delineate.synthetic import make_dataset

    folder = make_dataset(tmp_path / "data", patients=2, slices=3, size=256, seed=7)
    images = [read_image(path) for path in sorted(folder.rglob("*.tif")) if "mask" not in path.name][:4]
    assert images
    masks = {}
    for name in ("onnxruntime", "torch", "openvino"):
        if name == "openvino":
            pytest.importorskip("openvino")
        predictor = Predictor("demo", engine=name)
        masks[name] = np.stack([predictor.predict(image).mask.labels for image in images])
    assert 0.02 < np.mean(masks["onnxruntime"] > 0) < 0.98
    for name, mask in masks.items():
        assert np.mean(mask != masks["onnxruntime"]) <= trial.MAX_DIFFERENCE, name


def test_what_it_does_not_know_is_refused(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelFile.open(make_model())
    monkeypatch.delitem(OPERATORS, "Conv")
    with pytest.raises(ModelFileError) as caught:
        registry.get("torch")(model, 1)
    assert (caught.value.code, caught.value.params["operators"]) == ("engine-lacks-operators", "Conv")
    two = ModelFile.open(make_model([np.ones((2, 1, 1, 1))], name="two.onnx"))
    with pytest.raises(ModelFileError) as caught:
        registry.get("torch")(two, 1)
    assert caught.value.code == "model-record-damaged"


def test_trouble_while_computing_is_said(make_model: MakeModel) -> None:
    engine = registry.get("torch")(ModelFile.open(make_model()), 1)
    with pytest.raises(ResourceError) as caught:
        engine.run(np.zeros((1, 3, 8, 8), np.float32))  # the network takes one channel
    assert caught.value.code == "engine-failed"


def test_without_torch_it_says_what_to_install(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delineate.inference.torch_engine.find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        registry.get("torch")(ModelFile.open(make_model()), 1)
    assert caught.value.params["extra"] == "train"
