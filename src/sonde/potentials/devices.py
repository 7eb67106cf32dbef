"""Where a potential may run."""

from sonde.errors import WrongUse
from sonde.optional_imports import require


def require_device(device: str) -> None:
    """Refuse a device that torch cannot use here, before anything is loaded.

    Raises
    ------
    WrongUse : no such device in this machine, or a torch that was built without it.
    """
    torch = require("torch")
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError, NotImplementedError) as missing:
        reason = str(missing).partition("\n")[0]
        raise WrongUse(f"The device {device!r} cannot be used here ({reason}): use the device cpu.") from missing
