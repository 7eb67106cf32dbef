"""Packages that come as extras: imported at use, with the line to paste where they are missing."""

import importlib
from types import ModuleType

from sonde.errors import MissingPackage

EXTRA_OF = {
    "mace": "mace",
    "chgnet": "chgnet",
    "torch": "mace",
    "pptx": "documents",
    "docx": "documents",
    "pypdf": "documents",
    "nbformat": "documents",
    "h5py": "formats",
    "lmdb": "formats",
    "tokenizers": "semantic",
    "safetensors": "semantic",
}


def require(module: str) -> ModuleType:
    """Import an optional module by name, or say how to install it."""
    extra = EXTRA_OF[module.partition(".")[0]]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingPackage(f"This needs the package {module!r}: pip install 'sonde-mlip[{extra}]'") from missing
