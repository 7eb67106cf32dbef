"""Nearest environments of the same element, and the limit beyond which an environment is novel."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from sonde.errors import WrongUse
from sonde.local_environments.grouping import group_folds
from sonde.local_environments.pca import PrincipalComponents
from sonde.records.arrays import AnyArray, FloatArray, IntArray

Scaling = Literal["none", "whiten"]
FEW_POINTS = 500
COMPARED_AT_A_TIME = 1000


@dataclass(frozen=True, eq=False)
class NearestEnvironments:
    """For every atom of one frame its nearest reference environment of the same element.

    distance (n_atoms,): infinite where the reference holds no such element; frame, atom (n_atoms,): where it is, −1
    where there is none.
    """

    distance: FloatArray
    frame: IntArray
    atom: IntArray


@dataclass(frozen=True, eq=False)
class _Reference:
    plane: PrincipalComponents
    scale: FloatArray
    residual_scale: float
    points: FloatArray
    frames: IntArray
    atoms: IntArray
    tree: KDTree

    def project(self, X: FloatArray) -> FloatArray:
        return _project(self.plane, self.scale, self.residual_scale, X)

    def nearest(self, X: FloatArray) -> tuple[FloatArray, IntArray]:
        """Distance (n,) and place (n,) of the nearest point to each of X (n, width).

        A few points are all compared: in so many dimensions the tree looks at most of them, too, where X is far away.
        """
        asked = self.project(X)
        if len(self.points) > FEW_POINTS or not np.isfinite(asked).all():  # which the tree refuses
            return self.tree.query(asked)
        distance, place = np.zeros(len(asked)), np.zeros(len(asked), np.int64)
        for first in range(0, len(asked), COMPARED_AT_A_TIME):
            part = slice(first, first + COMPARED_AT_A_TIME)
            squared = cdist(asked[part], self.points, "sqeuclidean")
            place[part] = squared.argmin(axis=1)
            distance[part] = np.sqrt(squared[np.arange(len(squared)), place[part]])
        return distance, place

    def state(self) -> dict[str, Any]:
        return {
            "plane": self.plane.state(),
            "scale": self.scale,
            "residual_scale": self.residual_scale,
            "points": self.points,
            "frames": self.frames,
            "atoms": self.atoms,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "_Reference":
        plane = PrincipalComponents.from_state(state["plane"])
        scale, points = state["scale"], state["points"]
        return cls(plane, scale, state["residual_scale"], points, state["frames"], state["atoms"], KDTree(points))


@dataclass(frozen=True, eq=False)
class EnvironmentIndex:
    """Environments of a reference set, searchable per element.

    Environments are compared by their scores on the principal components of the reference plus the length of what lies
    outside that plane. The distance is a lower bound of the full Euclidean one (triangle inequality), so that an
    environment far from the plane is never taken for a near one; with scaling "whiten" lengths count in standard
    deviations of the reference.
    """

    references: Mapping[int, _Reference]
    n_frames: int
    scaling: Scaling

    @classmethod
    def fit(
        cls,
        arrays: Sequence[AnyArray],
        numbers: Sequence[IntArray],
        *,
        n_components: int = 12,
        scaling: Scaling = "none",
    ) -> "EnvironmentIndex":
        """Index the environments `arrays` (per frame (n_atoms, width)) of atoms with the atomic numbers `numbers`.

        Raises
        ------
        WrongUse
            No environments, or arrays and numbers that do not fit each other.
        """
        X, Z, frames, atoms = _flat(arrays, numbers)
        if not len(X):
            raise WrongUse("An index of environments needs at least one atom.")
        of_element = {int(element): np.flatnonzero(np.equal(Z, element)) for element in np.unique(Z)}
        references = {
            element: _reference(X[at], frames[at], atoms[at], n_components, scaling)
            for element, at in of_element.items()
        }
        return cls(references, len(arrays), scaling)

    def nearest(
        self,
        arrays: Sequence[AnyArray],
        numbers: Sequence[IntArray],
        *,
        exclude_frames: Iterable[int] | None = None,
    ) -> list[NearestEnvironments]:
        """Find for every atom of every frame its nearest reference environment of the same element.

        exclude_frames: reference frames that do not count (the frames themselves, or their group).
        """
        X, Z, frames, _ = _flat(arrays, numbers)
        distance, frame, atom = np.full(len(X), np.inf), np.full(len(X), -1), np.full(len(X), -1)
        excluded = np.array(sorted(set(exclude_frames or ())), dtype=np.int64)
        for element in np.unique(Z):
            at = np.flatnonzero(np.equal(Z, element))
            found = self._search(int(element), X[at], excluded)
            distance[at], frame[at], atom[at] = found.distance, found.frame, found.atom
        ends = np.cumsum([len(a) for a in arrays])[:-1]
        parts = zip(*(np.split(part, ends) for part in (distance, frame, atom)), strict=True)
        return [NearestEnvironments(*part) for part in parts] if len(frames) or len(arrays) else []

    def state(self) -> dict[str, Any]:
        """Everything it consists of, as plain arrays and numbers; `from_state` takes it back."""
        return {
            "n_frames": self.n_frames,
            "scaling": self.scaling,
            "references": {str(element): reference.state() for element, reference in self.references.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "EnvironmentIndex":
        """Rebuild the index that gave this state."""
        references = {int(z): _Reference.from_state(reference) for z, reference in state["references"].items()}
        return cls(references, state["n_frames"], state["scaling"])

    def _search(self, element: int, X: FloatArray, excluded: IntArray) -> NearestEnvironments:
        reference = self.references.get(element)
        if reference is not None and not len(excluded):
            distance, at = reference.nearest(X)
            return NearestEnvironments(distance, reference.frames[at], reference.atoms[at])
        kept = None if reference is None else ~np.isin(reference.frames, excluded)
        if reference is None or kept is None or not kept.any():
            missing = np.full(len(X), -1)
            return NearestEnvironments(np.full(len(X), np.inf), missing, missing)
        tree = reference.tree if kept.all() else KDTree(reference.points[kept])
        distance, at = tree.query(reference.project(X))
        return NearestEnvironments(distance, reference.frames[kept][at], reference.atoms[kept][at])


def _project(plane: PrincipalComponents, scale: FloatArray, residual_scale: float, X: FloatArray) -> FloatArray:
    scores, q = plane.scores_and_q(X)
    return np.hstack([scores / scale, np.sqrt(q)[:, None] / residual_scale])


def _reference(X: FloatArray, frames: IntArray, atoms: IntArray, n_components: int, scaling: Scaling) -> _Reference:
    plane = _plane(X, n_components)
    scale, residual_scale = np.ones(plane.n_components), 1.0
    if scaling == "whiten":
        scale = np.sqrt(plane.eigenvalues[: plane.n_components])
        outside = float(np.sum(plane.eigenvalues[plane.n_components :]))
        # Where nothing lies outside, the smallest retained deviation is the yardstick for leaving the plane.
        residual_scale = np.sqrt(outside) if outside > 1e-12 * float(scale[0] ** 2) else float(scale[-1])
    points = _project(plane, scale, residual_scale, X)
    return _Reference(plane, scale, residual_scale, points, frames, atoms, KDTree(points))


def _plane(X: FloatArray, n_components: int) -> PrincipalComponents:
    """Principal components, or for one or two samples their first axis: the residual then carries the distance."""
    if len(X) >= 3 and np.ptp(X, axis=0).max() > 0:
        return PrincipalComponents.fit(X, n_components=n_components)
    axis = np.zeros((1, X.shape[1]))
    axis[0, 0] = 1.0
    return PrincipalComponents(X.mean(axis=0), axis, np.ones(1), len(X))


def _flat(arrays: Sequence[AnyArray], numbers: Sequence[IntArray]) -> tuple[FloatArray, IntArray, IntArray, IntArray]:
    """Environments, elements, frame and atom numbers of all atoms."""
    if len(arrays) != len(numbers) or any(len(a) != len(z) for a, z in zip(arrays, numbers, strict=True)):
        raise WrongUse("Environments and atomic numbers must come for the same atoms, frame by frame.")
    empty: Any = np.zeros(0, np.int64)
    if not len(arrays):
        return np.zeros((0, 1)), empty, empty, empty
    sizes = [len(a) for a in arrays]
    X = np.concatenate([np.asarray(a, float) for a in arrays])
    frames = np.repeat(np.arange(len(arrays)), sizes)
    atoms = np.concatenate([np.arange(size) for size in sizes])
    return X, np.concatenate([np.asarray(z, np.int64) for z in numbers]), frames, atoms


def held_out_distances(
    arrays: Sequence[AnyArray],
    numbers: Sequence[IntArray],
    groups: Sequence[object],
    *,
    n_folds: int = 5,
    scaling: Scaling = "none",
    seed: int = 0,
) -> list[FloatArray]:
    """Distance of every atom (per frame (n_atoms,)) to the nearest environment outside its own fold of groups.

    Whole groups are put into folds at random; the rest of the set is the reference. Infinite where no other group
    holds the element.

    Raises
    ------
    WrongUse
        Fewer than two groups.
    """
    fold = group_folds(groups, n_folds, seed)
    distances: list[FloatArray] = [np.zeros(0)] * len(arrays)
    for out in np.unique(fold):
        rest, held = np.flatnonzero(fold != out).tolist(), np.flatnonzero(fold == out).tolist()
        index = EnvironmentIndex.fit([arrays[n] for n in rest], [numbers[n] for n in rest], scaling=scaling)
        found = index.nearest([arrays[n] for n in held], [numbers[n] for n in held])
        for n, nearest in zip(held, found, strict=True):
            distances[n] = nearest.distance
    return distances


def held_out_limit(
    arrays: Sequence[AnyArray],
    numbers: Sequence[IntArray],
    groups: Sequence[object],
    *,
    quantile: float = 0.99,
    scaling: Scaling = "none",
    seed: int = 0,
) -> dict[int, float | None]:
    """Find per element the distance that a fraction `quantile` of held-out atoms stays within.

    Parameters
    ----------
    groups : one per frame; frames of one group (trajectory, relaxation, prototype) are never apart.

    Notes
    -----
    The limit is the conformal quantile, the ⌈(n + 1) quantile⌉-th smallest of n held-out distances, which a further
    exchangeable atom exceeds with probability at most 1 − quantile. It does not exist for n < quantile / (1 − quantile)
    atoms (99 for 0.99): such elements take the pooled limit, the quantile over all elements of distance over the
    element's own median, times that median; where all atoms together are too few, or an element has fewer than 10 with
    a finite distance, the limit is None: nothing can be said. Atoms of one frame are correlated, so that the
    uncertainty of the limit goes with the number of groups rather than of atoms.
    """
    distances = held_out_distances(arrays, numbers, groups, scaling=scaling, seed=seed)
    return pooled_quantiles(np.concatenate(distances), np.concatenate(numbers), quantile)


LEAST_ATOMS_FOR_A_MEDIAN = 10


def pooled_quantiles(values: FloatArray, numbers: IntArray, quantile: float) -> dict[int, float | None]:
    """Conformal quantile of values (n_atoms,) per element, pooled by medians where an element has too few atoms."""
    by_element = {int(element): values[numbers == element] for element in np.unique(numbers)}
    finite = {element: own[np.isfinite(own)] for element, own in by_element.items()}
    medians = {z: float(np.median(own)) for z, own in finite.items() if len(own) >= LEAST_ATOMS_FOR_A_MEDIAN}
    ratios = [finite[z] / median for z, median in medians.items() if median > 0]
    pooled = conformal_quantile(np.concatenate(ratios), quantile) if ratios else None
    limits: dict[int, float | None] = {}
    for element, own in finite.items():
        limit = conformal_quantile(own, quantile)
        if limit is None and pooled is not None and element in medians:
            limit = pooled * medians[element]
        limits[element] = limit
    return limits


def conformal_quantile(values: FloatArray, quantile: float) -> float | None:
    """The ⌈(n + 1) quantile⌉-th smallest value; None where n is too small for it to exist.

    Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005), doi 10.1007/b106715.
    """
    rank = int(np.ceil((len(values) + 1) * quantile - 1e-9))
    return float(np.partition(values, rank - 1)[rank - 1]) if 1 <= rank <= len(values) else None
