"""Files that cannot be used, and masks that do not lie on their image's grid."""

from __future__ import annotations

from collections.abc import Iterator

from delineate.dataset.checks.context import CheckContext, checks
from delineate.dataset.facts import CaseFacts
from delineate.domain import Finding, Severity

SIZE_DIFFERS = "mask-size-differs"
"""Code of the DataError that ``dataset.load_mask`` raises when a mask is not on its image's grid."""

MOST = 0.5
"""Left-out cases are a warning each; when more than this share is left out the folder is not what we took it for: an error."""


def _severity(context: CheckContext, concerned: list[CaseFacts]) -> Severity:
    labelled = sum(fact.labelled for fact in context.facts)
    return "error" if len(concerned) > MOST * max(labelled, 1) else "warning"


@checks.register("unreadable-file")
def unreadable_file(context: CheckContext) -> Iterator[Finding]:
    """Each file that could not be read; its case is left out."""
    bad = [fact for fact in context.facts if fact.error is not None and fact.error.code != SIZE_DIFFERS]
    for fact in bad:
        assert fact.error is not None
        path = fact.error.params.get("path") or (context.mask_path if fact.error_part == "mask" else context.path)(fact.case)
        params = {
            "reason": str(fact.error),
            "reason_code": fact.error.code,
            "reason_params": {key: str(value) for key, value in fact.error.params.items()},
        }
        yield Finding("unreadable-file", _severity(context, bad), path, fact.case, params)


@checks.register("image-mask-size-differs")
def image_mask_size_differs(context: CheckContext) -> Iterator[Finding]:
    """A mask with another number of pixels than its image; never resized silently."""
    bad = [fact for fact in context.facts if fact.error is not None and fact.error.code == SIZE_DIFFERS]
    for fact in bad:
        params = {"image": _size(fact.shape), "mask": _size(fact.mask_shape or ())}
        yield Finding("image-mask-size-differs", _severity(context, bad), context.mask_path(fact.case), fact.case, params)


@checks.register("no-usable-cases")
def no_usable_cases(context: CheckContext) -> Iterator[Finding]:
    """Nothing is left to learn from."""
    if not context.usable:
        yield Finding("no-usable-cases", "error", context.scan.root, None, {"n": len(context.facts)})


@checks.register("image-mask-affine-differs")
def image_mask_affine_differs(context: CheckContext) -> Iterator[Finding]:
    """Mask and image have the same number of pixels but say that they lie elsewhere in the patient.

    The tolerance is a tenth of a pixel (0.1 mm where spacing is unknown): less is rounding in headers.
    """
    for fact in context.usable:
        tolerance = 0.1 * min(fact.spacing) if fact.spacing else 0.1
        apart = max(fact.affine_difference_mm or 0.0, fact.spacing_difference_mm or 0.0)
        if apart > tolerance:
            yield Finding("image-mask-affine-differs", "warning", context.mask_path(fact.case), fact.case, {"mm": f"{apart:.3g}"})


@checks.register("mask-reoriented")
def mask_reoriented(context: CheckContext) -> Iterator[Finding]:
    """Masks that lie on their image's grid but store its axes otherwise: turned without loss, and said once."""
    turned = [fact for fact in context.usable if fact.mask_reoriented]
    if turned:
        params = {"n": len(turned), "total": len(context.usable)}
        yield Finding("mask-reoriented", "info", context.mask_path(turned[0].case), turned[0].case, params)


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape) or "?"
