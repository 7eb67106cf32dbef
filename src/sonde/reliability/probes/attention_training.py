"""Training of the attention network, as published: cross entropy over √(number of atoms), early stopping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from sonde.local_environments.grouping import group_folds
from sonde.optional_imports import require
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.reliability.probes.attention_data import ElementEnergies, StructureData
from sonde.reliability.probes.attention_network import Parameters, batch_of, initial_parameters, outcome

DROPOUT = 0.1
SMALLEST_RATE = 5e-6
LARGEST_BATCH_WEIGHTS = 2**26
"""Attention weights of a training batch, which cannot be had in portions without computing them twice."""


@dataclass(frozen=True)
class TrainingSettings:
    """The published values, but for batches fit for hundreds of structures instead of millions, and patience for them.

    validation_share: of whole groups, for early stopping and the calibration of probabilities.
    """

    learning_rate: float = 5e-5
    weight_decay: float = 1e-4
    batch_size: int = 32
    most_epochs: int = 300
    patience: int = 25
    validation_share: float = 0.2


@dataclass(frozen=True, eq=False)
class InputScale:
    """Standardisation of the network's inputs, learnt on training structures. means, deviations (width,), (2,)."""

    element_energies: ElementEnergies
    mean: FloatArray
    deviation: FloatArray
    whole_mean: FloatArray
    whole_deviation: FloatArray

    @classmethod
    def fit(cls, data: StructureData) -> "InputScale":
        """Learn from structures; what does not vary is only shifted."""
        energies = ElementEnergies.fit(data.numbers, data.energies_eV)
        atoms = np.concatenate(data.embeddings)
        whole = _whole(energies, data.numbers, data.energies_eV)
        return cls(energies, atoms.mean(0), _spread(atoms), whole.mean(0), _spread(whole))

    def of(
        self, embeddings: Sequence[FloatArray], numbers: Sequence[IntArray], energies: FloatArray
    ) -> tuple[list[FloatArray], FloatArray]:
        """Inputs of atoms, (n_atoms, width) each, and of structures (n, 2)."""
        atoms = [(own - self.mean) / self.deviation for own in embeddings]
        whole = (_whole(self.element_energies, numbers, energies) - self.whole_mean) / self.whole_deviation
        return atoms, whole

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        own = {name: getattr(self, name) for name in ("mean", "deviation", "whole_mean", "whole_deviation")}
        return {**own, "elements": self.element_energies.elements, "energies": self.element_energies.values}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "InputScale":
        """Rebuild what gave this state."""
        rest = dict(state)
        return cls(ElementEnergies(rest.pop("elements"), rest.pop("energies")), **rest)


def _whole(energies: ElementEnergies, numbers: Sequence[IntArray], predicted: FloatArray) -> FloatArray:
    """Interaction energy per atom, eV, and log of the number of atoms: (n, 2)."""
    sizes = np.array([len(own) for own in numbers], float)
    return np.column_stack([(np.asarray(predicted, float) - energies.of(numbers)) / sizes, np.log(sizes)])


def _spread(values: FloatArray) -> FloatArray:
    deviation = values.std(axis=0)
    return np.where(deviation > 1e-10, deviation, 1.0)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Log odds of "within", sharpened or flattened and shifted as held-out structures ask for (temperature scaling)."""

    slope: float = 1.0
    shift: float = 0.0

    @classmethod
    def fit(cls, log_odds: FloatArray, within: BoolArray) -> "Calibration":
        """Least log loss, with a pull towards no change that counts like one structure."""

        def loss(x: FloatArray) -> float:
            z = np.exp(x[0]) * log_odds + x[1]
            return float(np.logaddexp(0.0, np.where(within, -z, z)).sum() + 0.5 * x @ x)

        log_slope, shift = minimize(loss, np.zeros(2), method="Nelder-Mead").x
        return cls(float(np.exp(log_slope)), float(shift))

    def p(self, log_odds: float) -> float:
        """Probability of being within tolerance."""
        return float(1 / (1 + np.exp(-np.clip(self.slope * log_odds + self.shift, -50, 50))))


@dataclass(frozen=True, eq=False)
class Trained:
    """Parameters with the least validation loss, the scale of their inputs and the calibration of their odds."""

    parameters: Parameters
    scale: InputScale
    calibration: Calibration
    n_epochs: int


def train(data: StructureData, within: BoolArray, *, settings: TrainingSettings, seed: int) -> Trained:
    """Train on structures and the class of each; whole groups are set aside for validation."""
    torch = require("torch")
    held = group_folds(data.groups, max(2, round(1 / settings.validation_share)), seed) == 0
    own, validation = data.taking(np.flatnonzero(~held)), data.taking(np.flatnonzero(held))
    scale = InputScale.fit(own)
    run = _Run(scale, settings, seed)
    labels = torch.as_tensor(~within, dtype=torch.long)
    parameters, n_epochs = run.best(own, labels[torch.as_tensor(~held)], validation, labels[torch.as_tensor(held)])
    odds = log_odds_of(parameters, scale, validation)
    return Trained(parameters, scale, Calibration.fit(odds, within[held]), n_epochs)


class _Run:
    """One training; its random numbers are its own, so that nothing else in the process changes them."""

    def __init__(self, scale: InputScale, settings: TrainingSettings, seed: int) -> None:
        self.torch = require("torch")
        self.scale, self.settings = scale, settings
        self.parameters = initial_parameters(len(scale.mean), seed)
        self.rng = self.torch.Generator().manual_seed(seed + 1)
        self.order = np.random.default_rng(seed)

    def best(self, own: StructureData, labels: Any, validation: StructureData, truth: Any) -> tuple[Parameters, int]:
        """Train until the validation loss has not fallen for a while; return its best parameters and the epochs."""
        torch, settings = self.torch, self.settings
        leaves = [tensor.requires_grad_() for tensor in self.parameters.values()]
        optimiser = torch.optim.AdamW(leaves, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        slower = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimiser, factor=0.9, patience=5, min_lr=min(SMALLEST_RATE, settings.learning_rate)
        )
        least, kept, since, epoch = np.inf, self._copied(), 0, 0
        while epoch < settings.most_epochs and since < settings.patience:
            epoch += 1
            for rows in self._batches(own):
                optimiser.zero_grad()
                self._loss(own.taking(rows), labels[torch.as_tensor(rows)], DROPOUT).backward()
                torch.nn.utils.clip_grad_norm_(leaves, 1.0)
                optimiser.step()
            with torch.no_grad():
                now = float(self._loss(validation, truth, 0.0))
            slower.step(now)
            since = 0 if now < least else since + 1
            if now < least:
                least, kept = now, self._copied()
        return kept, epoch

    def _loss(self, data: StructureData, labels: Any, dropout: float) -> Any:
        """Mean cross entropy, each structure's over the square root of its number of atoms."""
        torch = self.torch
        total = torch.zeros(())
        for rows in _portions([len(own) for own in data.numbers], data.n_frames):
            part = data.taking(rows)
            batch = batch_of(*self.scale.of(part.embeddings, part.numbers, part.energies_eV))
            found = outcome(self.parameters, batch, dropout=dropout, rng=self.rng)
            losses = torch.nn.functional.cross_entropy(found.logits, labels[torch.as_tensor(rows)], reduction="none")
            total = total + (losses / torch.as_tensor([len(own) ** 0.5 for own in part.numbers])).sum()
        return total / data.n_frames

    def _batches(self, data: StructureData) -> list[IntArray]:
        order = self.order.permutation(data.n_frames)
        return np.array_split(order, max(1, round(len(order) / self.settings.batch_size)))

    def _copied(self) -> dict[str, Any]:
        return {name: tensor.detach().clone() for name, tensor in self.parameters.items()}


def _portions(sizes: Sequence[int], n: int) -> list[IntArray]:
    """Rows of structures, by size, in portions whose padded attention stays within memory."""
    order = np.argsort(sizes, kind="stable")
    portions: list[list[int]] = [[]]
    for row in order.tolist():
        if portions[-1] and (len(portions[-1]) + 1) * 32 * sizes[row] ** 2 > LARGEST_BATCH_WEIGHTS:
            portions.append([])
        portions[-1].append(row)
    return [np.array(rows) for rows in portions if n]


def log_odds_of(parameters: Parameters, scale: InputScale, data: StructureData) -> FloatArray:
    """Uncalibrated log odds of "within tolerance" (n,), structure by structure."""
    torch = require("torch")
    found = []
    with torch.no_grad():
        for rows in _portions([len(own) for own in data.numbers], data.n_frames):
            part = data.taking(rows)
            logits = outcome(parameters, batch_of(*scale.of(part.embeddings, part.numbers, part.energies_eV))).logits
            found += list(zip(rows.tolist(), (logits[:, 0] - logits[:, 1]).double().tolist(), strict=True))
    return np.array([value for _, value in sorted(found)])
