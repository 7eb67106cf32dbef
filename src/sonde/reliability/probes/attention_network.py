"""The network of PROBE (arXiv 2605.00640): one self-attention layer over a structure's atoms, then a classifier.

Atom encoder D → 256 → 128 → 256; 32 heads of 8 dimensions with a residual; mean and largest value over the atoms, the
predicted interaction energy per atom and the number of atoms; 514 → 256 → 128 → 32 → 2. With D = 256 that is 566,434
parameters, the published number. Parameters are a plain mapping of tensors: they are stored as arrays, never pickled.

Departures from the published code, on purpose: energy and number of atoms come standardised instead of raw, and the
importance of atoms is that of the very pass that gave the verdict.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sonde.optional_imports import require
from sonde.records.arrays import FloatArray

WIDTH = 256
N_HEADS, HEAD_WIDTH = 32, 8
N_WHOLE = 2
"""Inputs of the whole structure: interaction energy per atom, and size."""
MOST_WEIGHTS = 2**24
"""Attention weights held at once: 64 MiB in single precision."""

Tensor = Any
Parameters = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Batch:
    """Structures side by side: atoms (n, most_atoms, width), padded; present (n, most_atoms); whole (n, 2)."""

    atoms: Tensor
    present: Tensor
    whole: Tensor


@dataclass(frozen=True, eq=False)
class Outcome:
    """Logits of the classes (n, 2), the second being "beyond tolerance"; importance (n, most_atoms), summing to 1."""

    logits: Tensor
    importance: Tensor


def layers(embedding_width: int) -> Iterator[tuple[str, int, int, bool]]:
    """Name, inputs and outputs of every linear layer, and whether a normalisation follows."""
    yield "encode_1", embedding_width, WIDTH, True
    yield "encode_2", WIDTH, WIDTH // 2, True
    yield "encode_3", WIDTH // 2, WIDTH, True
    yield "query_key_value", WIDTH, 3 * WIDTH, False
    yield "mix", WIDTH, WIDTH, True
    yield "structure", 2 * WIDTH + N_WHOLE, WIDTH, True
    yield "classify_1", WIDTH, WIDTH // 2, True
    yield "classify_2", WIDTH // 2, 32, True
    yield "classes", 32, 2, False


def initial_parameters(embedding_width: int, seed: int) -> dict[str, Tensor]:
    """Draw weights as torch draws those of its linear and attention layers, in single precision."""
    torch = require("torch")
    rng = torch.Generator().manual_seed(seed)
    parameters = {}
    for name, n_in, n_out, normalised in layers(embedding_width):
        attention = name in ("query_key_value", "mix")
        bound = (6 / (n_in + n_out)) ** 0.5 if attention else n_in**-0.5
        parameters[f"{name}.weight"] = bound * (2 * torch.rand((n_out, n_in), generator=rng) - 1)
        bias = bound * (2 * torch.rand(n_out, generator=rng) - 1)
        parameters[f"{name}.bias"] = torch.zeros(n_out) if attention else bias
        if normalised:
            parameters[f"{name}.scale"], parameters[f"{name}.shift"] = torch.ones(n_out), torch.zeros(n_out)
    return parameters


def outcome(
    parameters: Parameters,
    batch: Batch,
    *,
    dropout: float = 0.0,
    rng: Tensor | None = None,
    most_weights: int = MOST_WEIGHTS,
) -> Outcome:
    """Classify structures. Atoms that only pad count nowhere; `most_weights` bounds the memory of the attention."""
    torch = require("torch")

    def block(name: str, x: Tensor) -> Tensor:
        x = torch.nn.functional.gelu(_normalised(parameters, name, _linear(parameters, name, x)))
        if dropout == 0:
            return x
        return x * (torch.rand(x.shape, generator=rng) >= dropout) / (1 - dropout)

    x = block("encode_2", block("encode_1", batch.atoms))
    x = _normalised(parameters, "encode_3", _linear(parameters, "encode_3", x))
    attended, importance = _attention(_linear(parameters, "query_key_value", x), batch.present, most_weights)
    x = _normalised(parameters, "mix", x + _linear(parameters, "mix", attended))
    present = batch.present[:, :, None]
    mean = (x * present).sum(1) / present.sum(1)
    largest = x.masked_fill(~present, -torch.inf).amax(1)
    structure = block("structure", torch.cat([mean, largest, batch.whole], dim=1))
    logits = _linear(parameters, "classes", block("classify_2", block("classify_1", structure)))
    return Outcome(logits, importance)


def _attention(query_key_value: Tensor, present: Tensor, most_weights: int) -> tuple[Tensor, Tensor]:
    """Self-attention (n, most_atoms, 256) and the attention that every atom receives, a share (n, most_atoms).

    Queries are taken in portions: exact, and memory grows with the number of atoms, not with its square.
    """
    torch = require("torch")
    n, n_atoms, _ = query_key_value.shape
    split = query_key_value.reshape(n, n_atoms, 3, N_HEADS, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
    query, key, value = split[0] * HEAD_WIDTH**-0.5, split[1], split[2]
    portion = max(1, most_weights // (n * N_HEADS * n_atoms))
    mixed, received = [], torch.zeros(n, n_atoms, dtype=query_key_value.dtype)
    for begin in range(0, n_atoms, portion):
        own = slice(begin, begin + portion)
        scores = query[:, :, own] @ key.transpose(2, 3)
        weights = torch.softmax(scores.masked_fill(~present[:, None, None, :], -torch.inf), dim=-1)
        mixed.append(weights @ value)
        received = received + (weights * present[:, None, own, None]).sum((1, 2))
    attended = torch.cat(mixed, dim=2).transpose(1, 2).reshape(n, n_atoms, WIDTH)
    return attended, received / received.sum(1, keepdim=True)


def _linear(parameters: Parameters, name: str, x: Tensor) -> Tensor:
    torch = require("torch")
    return torch.nn.functional.linear(x, parameters[f"{name}.weight"], parameters[f"{name}.bias"])


def _normalised(parameters: Parameters, name: str, x: Tensor) -> Tensor:
    torch = require("torch")
    scale, shift = parameters[f"{name}.scale"], parameters[f"{name}.shift"]
    return torch.nn.functional.layer_norm(x, scale.shape, scale, shift)


def batch_of(atoms: list[FloatArray], whole: FloatArray) -> Batch:
    """Pad structures, each (n_atoms, width), to the largest of them; whole (n, 2)."""
    torch = require("torch")
    tensors = [torch.as_tensor(one, dtype=torch.float32) for one in atoms]
    sizes = torch.tensor([len(one) for one in tensors])
    present = torch.arange(int(sizes.max()))[None, :] < sizes[:, None]
    padded = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
    return Batch(padded, present, torch.as_tensor(whole, dtype=torch.float32))
