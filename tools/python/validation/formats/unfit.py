"""Whether a device runs a format of quantized weights as it is."""

from __future__ import annotations

from validation.formats.table import Format


def unfit(wanted: Format, capability: tuple[int, int] | None) -> str | None:
    """Why a device does not run a format as it is; None where it does. A CPU has no compute capability."""
    if capability is None:
        return None if wanted.cpu else f"{wanted.called} does not run on a CPU"
    if capability < wanted.capability:
        least, here = (".".join(map(str, each)) for each in (wanted.capability, capability))
        return f"{wanted.called} needs a GPU of compute capability {least}, and here is {here}"
    return None
