"""What is told of an update: gathered minibatch by minibatch, computed once per epoch."""

from __future__ import annotations

import numpy as np

from mesosweep.algorithms._flat_loss import Slopes, Terms
from mesosweep.algorithms._stack import Floats


class Told:
    """The values that SB3's PPO logs of one update, under its names."""

    def __init__(self, terms: Terms, *, twins: bool) -> None:
        """Begin; with `twins` the second half of each minibatch mirrors the first."""
        self._terms, self._twins = terms, twins
        self._policy: list[float] = []
        self._value: list[float] = []
        self._entropy: list[float] = []
        self._clipped: list[float] = []
        self._kl: list[float] = []
        self.begin_epoch()

    def begin_epoch(self) -> None:
        self._surrogates: list[Floats] = []
        self._log_ratios: list[Floats] = []

    def add(self, found: Slopes) -> None:
        """Count one minibatch."""
        self._surrogates.append(found.surrogate)
        self._log_ratios.append(found.log_ratio)
        self._value.append(found.value_loss)
        self._entropy.append(found.entropy)

    def last_kl(self) -> float:
        """Return the approximate KL divergence of the latest minibatch; Schulman's k3."""
        return self._kl_of(self._log_ratios[-1])

    def end_epoch(self) -> None:
        """Compute what is told of the epoch's minibatches."""
        sizes = np.array([len(part) for part in self._log_ratios])
        starts = np.cumsum(sizes) - sizes
        log_ratio = np.concatenate(self._log_ratios)
        moved = np.exp(log_ratio) - np.float32(1)
        clipped = (np.abs(moved) > np.float32(self._terms.clip_range)).astype(np.float32)

        def means(each: Floats) -> list[float]:
            found: list[float] = (np.add.reduceat(each, starts) / sizes).tolist()
            return found

        self._policy += means(-np.concatenate(self._surrogates))
        self._clipped += means(clipped)
        # As in SB3, only the last epoch's divergence is told.
        self._kl = [self._kl_of(part) for part in self._log_ratios]

    def _kl_of(self, log_ratio: Floats) -> float:
        if self._twins:  # nobody played them: they do not tell how far the policy moved
            log_ratio = log_ratio[: len(log_ratio) // 2]
        return float(np.mean(np.exp(log_ratio) - np.float32(1) - log_ratio))

    def values(self) -> dict[str, float]:
        """Return the means over all minibatches, and the last loss."""
        terms = self._terms
        loss = (
            self._policy[-1] - terms.ent_coef * self._entropy[-1] + terms.vf_coef * self._value[-1]
        )
        return {
            "entropy_loss": -float(np.mean(self._entropy)),
            "policy_gradient_loss": float(np.mean(self._policy)),
            "value_loss": float(np.mean(self._value)),
            "approx_kl": float(np.mean(self._kl)),
            "clip_fraction": float(np.mean(self._clipped)),
            "loss": loss,
        }
