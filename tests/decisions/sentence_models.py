"""Sentence models small enough to be made in a test."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

from sonde.records.arrays import AnyArray

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
DIMENSION, INNER, PLACES = 16, 32, 12


def model_in(
    folder: Path, words: Sequence[str], *, layers: int, heads: int = 4, seed: int = 0
) -> Mapping[str, AnyArray]:
    """Write a model with weights drawn by chance; return the weights by name."""
    rng = np.random.default_rng(seed)
    weights = {
        name: (1.0 * name.endswith("LayerNorm.weight") + 0.3 * rng.normal(size=shape)).astype(np.float32)
        for name, shape in _shapes(len(SPECIAL) + len(words), layers).items()
    }
    write(folder, words, weights, layers=layers, heads=heads)
    return weights


def alike_in(folder: Path, groups: Sequence[Sequence[str]]) -> None:
    """Write a model that takes the words of a group for one and the same, and groups for unlike."""
    words = [word for group in groups for word in group]
    weights = dict(model_in(folder, words, layers=0))
    weights = {name: np.zeros_like(values) for name, values in weights.items()}
    weights["embeddings.LayerNorm.weight"] += 1.0
    rows = [place for place, group in enumerate(groups) for _ in group]
    weights["embeddings.word_embeddings.weight"][len(SPECIAL) :] = np.eye(DIMENSION, dtype=np.float32)[rows]
    write(folder, words, weights, layers=0, heads=4)


def write(folder: Path, words: Sequence[str], weights: Mapping[str, AnyArray], *, layers: int, heads: int) -> None:
    """Write config, tokenizer and weights as sentence-transformers does."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "bert", "hidden_act": "gelu", "num_attention_heads": heads, "num_hidden_layers": layers}
    (folder / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-12}))
    tokenizer = Tokenizer(WordPiece({word: n for n, word in enumerate((*SPECIAL, *words))}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file(dict(weights), folder / "model.safetensors")


def _shapes(n_words: int, layers: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (n_words, DIMENSION),
        "embeddings.position_embeddings.weight": (PLACES, DIMENSION),
        "embeddings.token_type_embeddings.weight": (2, DIMENSION),
        **_affine("embeddings.LayerNorm", (DIMENSION,)),
    }
    for layer in range(layers):
        name = f"encoder.layer.{layer}."
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes |= _affine(name + part, (DIMENSION, DIMENSION))
        shapes |= _affine(f"{name}intermediate.dense", (INNER, DIMENSION))
        shapes |= _affine(f"{name}output.dense", (DIMENSION, INNER))
        shapes |= _affine(f"{name}attention.output.LayerNorm", (DIMENSION,))
        shapes |= _affine(f"{name}output.LayerNorm", (DIMENSION,))
    return shapes


def _affine(name: str, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
