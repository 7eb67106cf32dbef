"""Vectors of texts by a sentence model of the BERT family in a folder: no network, no deep-learning framework.

The packages that run such models take seconds to import, longer than a whole answer may; the forward pass is short.
Architecture: arXiv 1810.04805; sentence vectors by pooling: arXiv 1908.10084.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from sonde.errors import BadInput
from sonde.optional_imports import require
from sonde.records.arrays import AnyArray

MOST_TOKENS = 128
"""Words and pieces of words of a text that are read: what comes later seldom changes what it is about."""
AT_ONCE = 8
"""Texts in one pass, of about the same length: more are filled up to the longest, fewer keep the processor idle."""
MEND = "Give the folder of a sentence model of the BERT family as sentence-transformers saves it, with {}."
POOLING = "1_Pooling/config.json"


@dataclass(frozen=True)
class _Shape:
    heads: int
    layers: int
    epsilon: float
    by_first: bool
    """Whether a text's vector is that of its first token, and not the mean."""


class SentenceModel:
    """A sentence model in memory."""

    def __init__(self, folder: Path, tokenizer: Any, weights: Mapping[str, AnyArray], shape: _Shape) -> None:
        self.folder = folder
        self._tokenizer, self._weights, self._shape = tokenizer, weights, shape

    @classmethod
    def load(cls, folder: Path) -> "SentenceModel":
        """Read config.json, tokenizer.json, model.safetensors and, where there is one, the pooling's settings.

        Raises
        ------
        BadInput
            Where a file is missing or damaged, or the model is of another kind.
        MissingPackage
            Where tokenizers or safetensors are not installed.
        """
        folder = Path(folder)
        shape, file, tokenizers = _shape(folder), _file(folder, "tokenizer.json"), require("tokenizers")
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(file))
        except Exception as error:  # the package raises no other
            raise _damaged(folder, "tokenizer.json", str(error)) from error
        tokenizer.no_padding()
        model = cls(folder, tokenizer, _weights(folder), shape)
        tokenizer.enable_truncation(min(MOST_TOKENS, len(model._of("embeddings.position_embeddings.weight"))))
        return model

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._of("embeddings.word_embeddings.weight").shape[1])

    def encode(self, texts: Sequence[str]) -> AnyArray:
        """Vectors of texts, shape (n, dimension), of length one; those of about one length are read together.

        As many passes run side by side as the linear algebra would take threads, each with one: it shares work badly
        among threads where matrices are small, and worse where other programs want the processor, too.
        """
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        passes = [order[start : start + AT_ONCE] for start in range(0, len(order), AT_ONCE)]
        found = np.zeros((len(ids), self.dimension), np.float32)
        algebra = ThreadpoolController().select(user_api="blas")
        n_threads = max((library.num_threads for library in algebra.lib_controllers), default=1)
        with algebra.limit(limits=1), ThreadPoolExecutor(n_threads) as workers:
            vectors = workers.map(lambda places: self._vectors([ids[place] for place in places]), passes)
            for places, part in zip(passes, vectors, strict=True):
                found[places] = part
        return found

    def _vectors(self, ids: Sequence[Sequence[int]]) -> AnyArray:
        length = max(map(len, ids))
        tokens = np.array([[*row, *[0] * (length - len(row))] for row in ids])
        real = np.arange(length) < np.array([len(row) for row in ids])[:, None]
        states = self._states(tokens, real)
        if self._shape.by_first:
            pooled = states[:, 0]
        else:
            pooled = (states * real[:, :, None]).sum(1) / real.sum(1, keepdims=True)
        return pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)

    def _states(self, tokens: Any, real: Any) -> AnyArray:
        words, places = self._of("embeddings.word_embeddings.weight"), self._of("embeddings.position_embeddings.weight")
        kind = self._of("embeddings.token_type_embeddings.weight")[0]
        states = self._normed(words[tokens] + places[: tokens.shape[1]] + kind, "embeddings.LayerNorm")
        hidden = np.where(real, 0.0, -np.inf).astype(np.float32)[:, None, None, :]
        for layer in range(self._shape.layers):
            states = self._layer(states, hidden, f"encoder.layer.{layer}.")
        return states

    def _layer(self, states: AnyArray, hidden: AnyArray, name: str) -> AnyArray:
        """Self-attention, then a network of two linear maps; each is added to what came in and normalised."""
        query, key, value = (
            self._by_head(states, f"{name}attention.self.{part}") for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(2, 3) / np.float32(np.sqrt(query.shape[-1])) + hidden
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        attended = (shares @ value).swapaxes(1, 2).reshape(states.shape)
        attended = self._linear(attended, f"{name}attention.output.dense")
        states = self._normed(states + attended, f"{name}attention.output.LayerNorm")
        inner = gelu(self._linear(states, f"{name}intermediate.dense"))
        return self._normed(states + self._linear(inner, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _by_head(self, states: AnyArray, name: str) -> AnyArray:
        """A linear map, as (texts, heads, tokens, dimension of a head)."""
        mapped = self._linear(states, name)
        return mapped.reshape(*states.shape[:2], self._shape.heads, -1).swapaxes(1, 2)

    def _linear(self, values: AnyArray, name: str) -> AnyArray:
        rows = values.reshape(-1, values.shape[-1]) @ self._of(f"{name}.weight").T
        rows += self._of(f"{name}.bias")
        return rows.reshape(*values.shape[:-1], -1)

    def _normed(self, values: AnyArray, name: str) -> AnyArray:
        off = values - values.mean(-1, keepdims=True)
        scale = np.sqrt((off * off).mean(-1, keepdims=True) + np.float32(self._shape.epsilon))
        return off / scale * self._of(f"{name}.weight") + self._of(f"{name}.bias")

    def _of(self, name: str) -> AnyArray:
        if name not in self._weights:
            raise _damaged(self.folder, "model.safetensors", f"holds no {name}")
        return self._weights[name]


ERF = tuple(map(np.float32, (1.12837868, 0.102768867, -1.87401650e-4, -6.24976992e-4, 8.98122955e-5, -6.03928823e-6,
                             1.63434142e-7)))  # fmt: skip
"""erf(z) = tanh(z p(z²)) to 5e-7 for |z| ≤ 4, by these coefficients of p, lowest first: fitted to artanh(erf(z)) / z.

numpy's tanh takes a twentieth of the time of scipy's erf, which took half of a whole pass."""
ERF_REACH, ROWS = np.float32(4.0), 32


def gelu(values: AnyArray) -> AnyArray:
    """x (1 + erf(x / √2)) / 2, in place; arXiv 1606.08415."""
    rows = values.reshape(-1, values.shape[-1])
    for start in range(0, len(rows), ROWS):  # a part that fits into the processor's cache
        part = rows[start : start + ROWS]
        z = np.clip(part * np.float32(np.sqrt(0.5)), -ERF_REACH, ERF_REACH)
        square = z * z
        sum_ = np.full_like(z, ERF[-1])
        for coefficient in ERF[-2::-1]:
            sum_ *= square
            sum_ += coefficient
        z *= sum_
        np.tanh(z, out=z)
        z += 1
        z *= np.float32(0.5)
        part *= z
    return values


def identity_of(folder: Path) -> str:
    """Checksum of what decides a model's vectors."""
    digest = hashlib.sha256()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        with _file(folder, name).open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


def _shape(folder: Path) -> _Shape:
    config = _json(folder, "config.json")
    pooling = _json(folder, POOLING) if (folder / POOLING).exists() else {"pooling_mode_mean_tokens": True}
    if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        kind = f"{config.get('model_type')} with {config.get('hidden_act')}"
        raise BadInput(folder / "config.json", "model_type", f"is {kind}", MEND.format("model_type bert, gelu"))
    modes = {mode for mode, on in pooling.items() if mode.startswith("pooling_mode") and on is True}
    if modes not in ({"pooling_mode_mean_tokens"}, {"pooling_mode_cls_token"}):
        raise BadInput(folder / POOLING, None, f"pools by {sorted(modes)}", MEND.format("pooling by mean or cls_token"))
    try:
        heads, layers = int(config["num_attention_heads"]), int(config["num_hidden_layers"])
        return _Shape(heads, layers, float(config["layer_norm_eps"]), "pooling_mode_cls_token" in modes)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, "config.json", f"{type(error).__name__}: {error}") from error


def _weights(folder: Path) -> Mapping[str, AnyArray]:
    safetensors = require("safetensors.numpy")
    try:
        loaded = safetensors.load_file(_file(folder, "model.safetensors"))
    except (require("safetensors").SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, "model.safetensors", str(error)) from error
    return {name.removeprefix("bert."): np.asarray(values, np.float32) for name, values in loaded.items()}


def _json(folder: Path, name: str) -> Mapping[str, Any]:
    try:
        found = json.loads(_file(folder, name).read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(folder, name, str(error)) from error
    if not isinstance(found, dict):
        raise _damaged(folder, name, "is no mapping")
    return found


def _file(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise BadInput(folder, name, "is not there", MEND.format("config.json, tokenizer.json and model.safetensors"))
    return folder / name


def _damaged(folder: Path, name: str, problem: str) -> BadInput:
    return BadInput(folder / name, None, problem, "Save or copy the model again.")
