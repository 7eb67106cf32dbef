"""Import packages that print, or change the process, without letting them."""

import contextlib
import io
import logging
import os
import warnings
from types import ModuleType

from sonde.optional_imports import require

_FLAG = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_LOG = logging.getLogger(__name__)


def quiet_require(*modules: str) -> tuple[ModuleType, ...]:
    """Import optional modules; what they print goes to the log, and the safety of `torch.load` is restored.

    Importing mace sets TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD, with which every later `torch.load` of the process that does
    not say otherwise would run pickled code.
    """
    before = os.environ.get(_FLAG)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside torch, e3nn and mace at import
            return tuple(require(module) for module in modules)
    finally:
        if before is None:
            os.environ.pop(_FLAG, None)
        else:
            os.environ[_FLAG] = before
        if printed.getvalue():
            _LOG.debug("while importing %s: %s", ", ".join(modules), printed.getvalue().strip())
