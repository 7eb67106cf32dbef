"""Vectors of texts: the same as torch's encoder gives."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import erf
from tests.decisions.sentence_models import DIMENSION, INNER, PLACES, SPECIAL, model_in

from sonde.decisions.sentence_model import SentenceModel, gelu, identity_of
from sonde.errors import BadInput
from sonde.records.arrays import AnyArray

WORDS = ("cells", "were", "dropped", "because", "forces", "diverged")
TEXTS = ("cells were dropped", "because forces diverged", "forces", "")


def by_torch(weights: Mapping[str, AnyArray], tokens: list[int]) -> AnyArray:
    """The encoder as torch has it, text by text, so that nothing is padded."""
    of = {name: torch.from_numpy(values) for name, values in weights.items()}
    states = (
        of["embeddings.word_embeddings.weight"][tokens] + of["embeddings.position_embeddings.weight"][: len(tokens)]
    )
    states = states + of["embeddings.token_type_embeddings.weight"][0]
    norm = "embeddings.LayerNorm"
    states = torch.nn.functional.layer_norm(states, (DIMENSION,), of[f"{norm}.weight"], of[f"{norm}.bias"], 1e-12)[None]
    for name in ("encoder.layer.0.", "encoder.layer.1."):
        layer = torch.nn.TransformerEncoderLayer(
            DIMENSION, 4, INNER, dropout=0.0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
        ).eval()
        parts = [f"{name}attention.self.{part}" for part in ("query", "key", "value")]
        layer.load_state_dict(
            {
                "self_attn.in_proj_weight": torch.cat([of[f"{part}.weight"] for part in parts]),
                "self_attn.in_proj_bias": torch.cat([of[f"{part}.bias"] for part in parts]),
                **_renamed(of, f"{name}attention.output.dense", "self_attn.out_proj"),
                **_renamed(of, f"{name}intermediate.dense", "linear1"),
                **_renamed(of, f"{name}output.dense", "linear2"),
                **_renamed(of, f"{name}attention.output.LayerNorm", "norm1"),
                **_renamed(of, f"{name}output.LayerNorm", "norm2"),
            }
        )
        states = layer(states)
    return np.asarray(states[0].detach())


def _renamed(of: Mapping[str, torch.Tensor], ours: str, theirs: str) -> dict[str, torch.Tensor]:
    return {f"{theirs}.{kind}": of[f"{ours}.{kind}"] for kind in ("weight", "bias")}


def tokens_of(text: str) -> list[int]:
    return [2, *(len(SPECIAL) + WORDS.index(word) for word in text.split()), 3][:PLACES]


@pytest.mark.parametrize("by_first", [False, True])
def test_vectors_are_those_of_torch(tmp_path: Path, by_first: bool) -> None:
    weights = model_in(tmp_path, WORDS, layers=2)
    (tmp_path / "1_Pooling").mkdir()
    mode = {"pooling_mode_cls_token": by_first, "pooling_mode_mean_tokens": not by_first}
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(mode))
    states = [by_torch(weights, tokens_of(text)) for text in TEXTS]
    wanted = np.stack([one[0] if by_first else one.mean(0) for one in states])
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.abs(SentenceModel.load(tmp_path).encode(TEXTS) - wanted).max() < 1e-5


def test_long_texts_are_cut_and_words_unknown_are_one_and_the_same(tmp_path: Path) -> None:
    model_in(tmp_path, WORDS, layers=1)
    model = SentenceModel.load(tmp_path)
    long, longer, strange, stranger = model.encode(["cells " * 50, "cells " * 60, "zirconia", "hafnia"])
    assert np.array_equal(long, longer)
    assert np.array_equal(strange, stranger)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_or_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    model_in(tmp_path, WORDS, layers=1)
    (tmp_path / name).write_text("{")
    with pytest.raises(BadInput, match=name):
        SentenceModel.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BadInput, match=name):
        SentenceModel.load(tmp_path)


def test_models_of_other_kinds_and_incomplete_ones_are_refused(tmp_path: Path) -> None:
    model_in(tmp_path, WORDS, layers=1)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "mpnet"}))
    with pytest.raises(BadInput, match="mpnet"):
        SentenceModel.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    with pytest.raises(BadInput, match=r"encoder\.layer\.1"):
        SentenceModel.load(tmp_path).encode(["cells"])


def test_other_weights_are_another_model(tmp_path: Path) -> None:
    model_in(tmp_path, WORDS, layers=1)
    before = identity_of(tmp_path)
    model_in(tmp_path, WORDS, layers=1, seed=1)
    assert identity_of(tmp_path) != before


def test_the_activation_is_that_of_the_error_function() -> None:
    values = np.linspace(-30.0, 30.0, 200_001).astype(np.float32)
    exact = 0.5 * values * (1.0 + erf(values.astype(float) / np.sqrt(2.0)))
    found = gelu(values[:, None].copy()).ravel()
    assert np.max(np.abs(found - exact) / np.maximum(np.abs(exact), 1.0)) < 1e-6
