"""What a trial says of itself: to its record, its bundles, its trackers, and whoever waits for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mesosweep import __version__
from mesosweep.domain.score import Score, Verdict
from mesosweep.domain.standing import Demand
from mesosweep.domain.trial import Checkpoint, CheckpointKind, Trial, TrialStatus
from mesosweep.records.bundle import Bundle
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import Circumstances
from mesosweep.records.stage_config import StageConfig
from mesosweep.stores.gcs_address import Address, is_remote
from mesosweep.worker.observer import TrialObserver
from mesosweep.worker.prepare import Prepared
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.tracking import sweep_of
from mesosweep.worker.versions import versions


@dataclass(frozen=True, slots=True)
class Account:
    """One trial, told from what was asked for, what became of that, and what was observed."""

    request: TrialRequest
    prepared: Prepared
    parent: Bundle | None
    """The bundle that it starts from."""
    folder: TrialFolder

    @property
    def demand(self) -> Demand:
        """What is asked of its policies in training, beside the panel."""
        return Demand(self.prepared.plan.gate, self.request.passes)

    def trial(
        self,
        status: TrialStatus,
        observer: TrialObserver,
        *,
        steps: int | None = None,
        panel: Score | None = None,
        reason: str | None = None,
    ) -> Trial:
        """Return the trial as it stands; `steps` are those trained, by default those observed."""
        plan, request = self.prepared.plan, self.request
        return Trial(
            trial_id=request.trial_id,
            attempt=request.attempt,
            status=status,
            assignment=self.prepared.assignment,
            parameters=plan.parameters,
            best_mean_reward=observer.best.score.mean_reward if observer.best else None,
            panel=panel,
            verdict=self._verdict(panel, observer) if panel else None,
            checkpoint=self._checkpoint("best", self.folder.best),
            final_checkpoint=self._checkpoint("final", self.folder.final(request.stage)),
            steps_asked=plan.timesteps,
            steps_trained=observer.step if steps is None else steps,
            duration_s=round(observer.spent_s, 3),
            reason=reason,
            seed=request.training_seed,
        )

    def circumstances(self, observer: TrialObserver) -> Circumstances:
        """Return what its record tells beside the trial."""
        return Circumstances(
            species=self.request.species,
            algorithm=self.request.algorithm,
            stage=self.request.stage,
            best=observer.best,
            last=observer.last,
            parent=self._parent(),
            versions=versions(),
        )

    def meta(self) -> dict[str, Any]:
        """Return what every bundle of this trial says of itself."""
        return {**self._order(), "parent": self._parent()}

    def tracked(self, step: int) -> dict[str, Any]:
        """Return what trackers are told of a trial that begins at `step`; see `ports.Tracker`."""
        return {
            **self._order(),
            "seed": self.request.training_seed,
            "timesteps": self.prepared.plan.timesteps,
            "sweep": sweep_of(self.request),
            "folder": str(self.folder.path),
            "step": step,
        }

    def config(self) -> StageConfig:
        """Return what it is run with."""
        plan, request = self.prepared.plan, self.request
        return StageConfig(
            species=plan.species,
            stage=plan.stage,
            name=plan.stage_name,
            algorithm=plan.algorithm,
            reward_weights=plan.training,
            reference=plan.reference,
            hyperparameters=plan.hyperparameters,
            curriculum=plan.curriculum,
            gate=asdict(plan.gate),
            run={
                "trial_id": request.trial_id,
                "attempt": request.attempt,
                "seed": request.training_seed,
                "sweep_seed": request.seed,
                "timesteps": plan.timesteps,
                "n_envs": plan.n_envs,
                "eval_freq": request.eval_freq,
                "eval_episodes": request.eval_episodes,
                "panel_episodes": request.panel_episodes,
                "save_freq": request.save_freq,
                "device": request.device,
                "load": request.load,
            },
            library_version=__version__,
            versions=versions(),
        )

    def _verdict(self, panel: Score, observer: TrialObserver) -> Verdict:
        """Return the gate's word on the panel, and on the evaluations up to what is handed on."""
        told = self.prepared.plan.gate.admits(panel)
        missing = self.demand.missing(observer.standing, self.request.handoff)
        return Verdict(told.passed and not missing, (*told.reasons, *missing))

    def _order(self) -> dict[str, Any]:
        request = self.request
        return {
            "species": request.species,
            "algorithm": request.algorithm,
            "stage": request.stage,
            "attempt": request.attempt,
            "trial_id": request.trial_id,
            "parameters": dict(self.prepared.plan.parameters),
        }

    def _parent(self) -> dict[str, Any] | None:
        if self.parent is None:
            return None
        told = self.request.load or ""
        # What lies in a bucket has one name everywhere, wherever it was read from.
        uri = Address.parse(told).uri if is_remote(told) else str(self.parent.policy)
        return {"uri": uri, "step": self.parent.step, "identity": self.parent.identity}

    def _checkpoint(self, kind: CheckpointKind, policy: Path) -> Checkpoint | None:
        return Checkpoint(str(policy), kind, self.request.trial_id) if policy.exists() else None
