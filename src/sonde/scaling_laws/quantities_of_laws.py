"""What is asked of a fitted law: its parameters as the field writes them, and its loss at given sizes.

A quantity is h(θ), linear in θ for parameters (then exponentiated where it is a logarithm) and the log loss for
predictions, so that intervals are found in coordinates in which they are nearly symmetric.
"""

from dataclasses import dataclass

import numpy as np

from sonde.records.arrays import FloatArray
from sonde.scaling_laws.forms import Form, log_loss_and_jacobian
from sonde.scaling_laws.least_squares import Model
from sonde.scaling_laws.points import Points


@dataclass(frozen=True, eq=False)
class Quantities:
    """Names, the rows (n_parameters, p) that make parameters of θ, offsets, and log x of the predictions (centred)."""

    names: tuple[str, ...]
    rows: FloatArray
    offsets: FloatArray
    logarithmic: tuple[bool, ...]
    u: FloatArray
    y_centre: float

    def __len__(self) -> int:
        return len(self.names) + len(self.u)

    def shown(self, values: FloatArray) -> FloatArray:
        """Turn h(θ), shape (..., n), into what is shown: exponentials of logarithms, losses in their unit."""
        parameters = values[..., : len(self.names)] + self.offsets
        parameters = np.where(self.logarithmic, np.exp(np.where(self.logarithmic, parameters, 0.0)), parameters)
        if "floor" in self.names:
            parameters[..., self.names.index("floor")] *= np.exp(self.y_centre)
        return np.concatenate([parameters, np.exp(values[..., len(self.names) :] + self.y_centre)], axis=-1)

    def of(self, form: Form, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return h (batch, n) and its derivatives (batch, n, p) for θ (batch, p)."""
        value, jacobian = log_loss_and_jacobian(form, theta, self.u)
        rows = np.broadcast_to(self.rows, (len(theta), *self.rows.shape))
        return np.concatenate([theta @ self.rows.T, value], axis=1), np.concatenate([rows, jacobian], axis=1)

    def beside(self, form: Form, u: FloatArray) -> Model:
        """Return the model whose predictions are the log losses at u followed by all quantities."""

        def model(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
            value, jacobian = log_loss_and_jacobian(form, theta, u)
            asked, of_asked = self.of(form, theta)
            return np.concatenate([value, asked], axis=1), np.concatenate([jacobian, of_asked], axis=1)

        return model


def quantities(points: Points, form: Form, predict: FloatArray) -> Quantities:
    """List the quantities of a form: parameters by name, then the loss at each size in `predict`."""
    eye = np.eye(form.n_parameters)
    rows = [eye[0] + points.u_centre * eye[1], eye[1]]
    offsets, logarithmic = [points.y_centre, 0.0], [True, False]
    exponent = eye[1]
    for change, place in zip(form.changes, form.places, strict=True):
        exponent = exponent + eye[change]
        rows += [exponent, eye[place]]
        offsets += [0.0, points.u_centre]
        logarithmic += [False, True]
        if form.free_sharpness:
            rows.append(eye[place + 1])
            offsets.append(0.0)
            logarithmic.append(True)
    if form.floor:
        rows.append(eye[-1])
        offsets.append(0.0)
        logarithmic.append(False)
    u = np.log(np.asarray(predict, float)) - points.u_centre
    return Quantities(form.parameter_names, np.array(rows), np.array(offsets), tuple(logarithmic), u, points.y_centre)


def known(number: float) -> float | None:
    """Return a finite number as it is, any other as unknown."""
    return float(number) if np.isfinite(number) else None
