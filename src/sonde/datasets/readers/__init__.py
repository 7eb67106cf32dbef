"""Readers of structure files, one file each, and the writer of extended xyz."""

from sonde.datasets.readers.extxyz_writer import write_extxyz
from sonde.datasets.readers.protocol import Place, Reader
from sonde.datasets.readers.registry import read_frames, reader_for, reader_names, readers

__all__ = ["Place", "Reader", "read_frames", "reader_for", "reader_names", "readers", "write_extxyz"]
