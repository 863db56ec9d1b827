"""Several model files → one: the members' networks side by side in one graph, their probabilities averaged.

The mean is one of probabilities (Lakshminarayanan et al. 2017, arXiv:1612.01474), each member's divided by its own temperature
first, and is handed on as logits, so that a file with one network and a file with many are used alike. A second output gives the
members' mean entropy, from which the maps of uncertainty tell disagreement from doubt that all share.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from delineate.errors import MissingExtra, ModelFileError, RunError, UsageError
from delineate.export.record import set_record, write_model
from delineate.inference import MEMBER_ENTROPY, ModelFile
from delineate.recipe import Clean, ModelRecord
from delineate.version import __version__

MOST_MEMBERS = 32
TOLERANCE = 1e-4
"""Largest difference allowed between the file's probabilities and the mean of the members' own."""
_TINY = 1e-7


def write_ensemble(members: Sequence[ModelFile], out: Path, *, name: str, notes: Sequence[str] = ()) -> ModelRecord:
    """Write one model file that answers with the mean of ``members``; returns its record.

    Thresholds are the mean of the members'. A clean-up option is kept where more than half of the members have it (``min_pixels``:
    their median). What says how good a member is (scores, review rule) is left out: nobody has scored the ensemble yet.

    Raises
    ------
    UsageError
        ``ensemble-too-few``, ``ensemble-too-many``.
    ModelFileError
        ``ensemble-differs``: two members do not share labels, channels or preprocessing; the message says what differs.
    RunError
        ``export-differs``: the joint file does not answer with the mean.
    """
    if len(members) < 2:
        raise UsageError("ensemble-too-few", n=len(members))
    if len(members) > MOST_MEMBERS:
        raise UsageError("ensemble-too-many", n=len(members), most=MOST_MEMBERS)
    first = members[0]
    for other in members[1:]:
        if what := difference(first.record, other.record):
            raise ModelFileError("ensemble-differs", path=other.path, other=first.path, what=what)
    record = joint_record([member.record for member in members], name=name, notes=notes)
    model = _joined(members)
    set_record(model, record)
    content: bytes = model.SerializeToString()
    _verify(members, content)
    write_model(Path(out), content)
    return record


def difference(one: ModelRecord, other: ModelRecord) -> str | None:
    """The first thing in which two records may not differ, as ``preprocessing.size: [192, 192] / [256, 256]``."""
    pairs: list[tuple[str, Any, Any]] = [
        ("labels." + key, value, other.labels.model_dump()[key]) for key, value in one.labels.model_dump().items()
    ]
    theirs = other.preprocessing.model_dump()
    pairs += [("preprocessing." + key, value, theirs[key]) for key, value in one.preprocessing.model_dump().items()]
    if one.members > 1 or other.members > 1:
        pairs.append(("members", 1, max(one.members, other.members)))
    for path, mine, yours in pairs:
        if path == "preprocessing.multiple":
            continue  # the largest serves all
        if mine != yours:
            return f"{path}: {_short(mine)} / {_short(yours)}"
    return None


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"


def joint_record(records: Sequence[ModelRecord], *, name: str, notes: Sequence[str] = ()) -> ModelRecord:
    first = records[0]
    classes = first.labels.classes
    multiple = int(np.lcm.reduce([record.preprocessing.multiple for record in records]))
    clean = []
    for k in range(classes):
        options = [record.clean[k] for record in records]
        sizes = [option.min_pixels for option in options if option.min_pixels]
        clean.append(
            Clean(
                largest=2 * sum(option.largest for option in options) > len(options),
                min_pixels=int(np.median(sizes)) if 2 * len(sizes) > len(options) else 0,
                fill_holes=2 * sum(option.fill_holes for option in options) > len(options),
            )
        )
    views = [record.views for record in records]
    return ModelRecord(
        name=name,
        labels=first.labels,
        preprocessing=first.preprocessing.model_copy(update={"multiple": multiple}),
        thresholds=tuple(round(float(np.mean([record.thresholds[k] for record in records])), 4) for k in range(classes)),
        clean=tuple(clean),
        provenance={**first.provenance, "members": [_member(record) for record in records]},
        notes=tuple(dict.fromkeys([*notes, *(note for record in records for note in record.notes)])),
        members=len(records),
        views=max(set(views), key=views.count) if 2 * views.count(max(set(views), key=views.count)) > len(views) else (),
        familiar=first.familiar,
    )


def _member(record: ModelRecord) -> dict[str, Any]:
    return {"name": record.name, "thresholds": record.thresholds, "temperatures": record.temperatures}


def _joined(members: Sequence[ModelFile]) -> Any:
    """The ``onnx.ModelProto`` of all members and what joins them."""
    try:
        import onnx
        import onnx.inliner
        from onnx import TensorProto, compose, helper
    except ModuleNotFoundError:
        raise MissingExtra("missing-extra", extra="train") from None
    models = [onnx.load_model_from_string(member.data) for member in members]
    opset = max(o.version for model in models for o in model.opset_import if o.domain in ("", "ai.onnx"))
    for number, model in enumerate(models):
        own = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        if own != opset:
            from onnx import version_converter

            models[number] = model = version_converter.convert_version(model, opset)
        # Functions of two files may share a name and not be the same.
        models[number] = model = onnx.inliner.inline_local_functions(model) if model.functions else model
        del model.metadata_props[:]
    graphs = [compose.add_prefix_graph(model.graph, f"m{number}/") for number, model in enumerate(models)]
    record = members[0].record
    channels = record.labels.channels
    softmax = record.labels.activation == "softmax"
    nodes, initials = [], []

    def constant(label: str, value: Any) -> str:
        initials.append(onnx.numpy_helper.from_array(np.asarray(value, dtype=np.float32), label))
        return label

    tiny, one = constant("join/tiny", _TINY), constant("join/one", 1.0)
    most = constant("join/most", 1.0 - _TINY)
    floor = constant("join/floor", 1e-12)
    unit = constant("join/unit", 1.0 / np.log(channels if softmax else 2.0))
    axis = onnx.numpy_helper.from_array(np.array([1], dtype=np.int64), "join/axis")
    initials.append(axis)
    found, entropies = [], []
    for number, (graph, member) in enumerate(zip(graphs, members, strict=True)):
        at = f"join/{number}"
        temperatures = member.record.temperatures or (1.0,)
        shape = (1, len(temperatures), 1, 1)
        scale = constant(f"{at}/inverse", 1.0 / np.asarray(temperatures, dtype=np.float64).reshape(shape))
        nodes.append(helper.make_node("Identity", ["image"], [graph.input[0].name]))
        nodes += graph.node
        initials += graph.initializer
        nodes.append(helper.make_node("Mul", [graph.output[0].name, scale], [f"{at}/scaled"]))
        kind, options = ("Softmax", {"axis": 1}) if softmax else ("Sigmoid", {})
        nodes.append(helper.make_node(kind, [f"{at}/scaled"], [f"{at}/p"], **options))
        found.append(f"{at}/p")
        nodes += _entropy(helper, at, softmax, floor, one, "join/axis", opset)
        nodes.append(helper.make_node("Mul", [f"{at}/nats", unit], [f"{at}/entropy"]))
        entropies.append(f"{at}/entropy")
    nodes.append(helper.make_node("Mean", found, ["join/mean"]))
    nodes.append(helper.make_node("Clip", ["join/mean", tiny, most], ["join/p"]))
    nodes.append(helper.make_node("Log", ["join/p"], ["logits" if softmax else "join/log"]))
    if not softmax:
        nodes.append(helper.make_node("Sub", [one, "join/p"], ["join/q"]))
        nodes.append(helper.make_node("Log", ["join/q"], ["join/logq"]))
        nodes.append(helper.make_node("Sub", ["join/log", "join/logq"], ["logits"]))
    nodes.append(helper.make_node("Mean", entropies, [MEMBER_ENTROPY]))
    ends = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", record.preprocessing.inputs, "h", "w"]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", channels, "h", "w"]),
        helper.make_tensor_value_info(MEMBER_ENTROPY, TensorProto.FLOAT, ["n", 1, "h", "w"]),
    ]
    graph = helper.make_graph(nodes, "ensemble", ends[:1], ends[1:], initials)
    imports = {o.domain: o.version for model in models for o in model.opset_import}
    imports[""] = opset
    imports.pop("ai.onnx", None)
    joined = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in imports.items()],
        ir_version=max(model.ir_version for model in models),
    )
    joined.producer_name, joined.producer_version = "delineate", __version__
    return joined


def _entropy(helper: Any, at: str, softmax: bool, floor: str, one: str, axis: str, opset: int) -> list[Any]:
    """Nodes from ``{at}/p`` to ``{at}/nats`` (N, 1, H, W): of the softmax; of sigmoids the largest."""
    nodes = []

    def weighted_log(source: str, target: str) -> None:
        nodes.append(helper.make_node("Max", [source, floor], [f"{target}/safe"]))
        nodes.append(helper.make_node("Log", [f"{target}/safe"], [f"{target}/log"]))
        nodes.append(helper.make_node("Mul", [source, f"{target}/log"], [target]))

    weighted_log(f"{at}/p", f"{at}/plogp")
    if softmax:
        nodes.append(helper.make_node("ReduceSum", [f"{at}/plogp", axis], [f"{at}/sum"], keepdims=1))
    else:
        nodes.append(helper.make_node("Sub", [one, f"{at}/p"], [f"{at}/q"]))
        weighted_log(f"{at}/q", f"{at}/qlogq")
        nodes.append(helper.make_node("Add", [f"{at}/plogp", f"{at}/qlogq"], [f"{at}/both"]))
        # Its axes became an input in operator set 18.
        given: tuple[list[str], dict[str, Any]] = ([axis], {}) if opset >= 18 else ([], {"axes": [1]})
        nodes.append(helper.make_node("ReduceMin", [f"{at}/both", *given[0]], [f"{at}/sum"], keepdims=1, **given[1]))
    nodes.append(helper.make_node("Neg", [f"{at}/sum"], [f"{at}/nats"]))
    return nodes


def _verify(members: Sequence[ModelFile], content: bytes) -> None:
    """The joint file against the mean of its members, on random images of two sizes."""
    import onnxruntime

    from delineate.inference.views import all_shares

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3

    def session(data: bytes) -> Any:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    record = members[0].record
    multiple = int(np.lcm.reduce([member.record.preprocessing.multiple for member in members]))
    try:
        joint, own = session(content), [session(member.data) for member in members]
    except Exception as error:  # ONNX Runtime's exceptions share no base
        raise RunError("export-failed", reason=str(error).splitlines()[0][:300]) from error
    rng = np.random.default_rng(0)
    for batch, rows, columns in ((1, 4 * multiple, 4 * multiple), (2, 5 * multiple, 4 * multiple)):
        image = rng.standard_normal((batch, record.preprocessing.inputs, rows, columns), dtype=np.float32)
        wanted: Any = 0.0
        for member, one in zip(members, own, strict=True):
            scale = np.asarray(member.record.temperatures or (1.0,), dtype=np.float32).reshape(1, -1, 1, 1)
            wanted = wanted + all_shares(one.run(None, {one.get_inputs()[0].name: image})[0] / scale, record.labels) / len(members)
        got = all_shares(joint.run(["logits"], {"image": image})[0], record.labels)
        worst = float(np.abs(got - wanted).max())
        if not worst <= TOLERANCE:
            raise RunError("export-differs", difference=f"{worst:.3g}", tolerance=f"{TOLERANCE:.3g}", rows=rows, columns=columns)
