"""Moves n independent copies of one MuJoCo model by one call, and tells which came apart."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from mujoco.rollout import Rollout

from mesosweep.envs.numbers import surely_finite
from mesosweep.ports import Mask

_FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS.value


class Physics:
    """The state of each lane, and the solver that all lanes share.

    The solver starts cold in every control step (`mujoco.rollout` carries no warm
    start), so a lane's path depends on nothing but its own state and controls.
    """

    def __init__(self, model: Any, *, frame_skip: int, n: int, threads: int) -> None:
        self.model = model
        self.frame_skip = frame_skip
        self.dt = float(model.opt.timestep) * frame_skip
        self._almost_dt = self.dt - 0.5 * float(model.opt.timestep)
        # One thread means this one: a pool of one costs a hand-over per step.
        workers = 0 if threads == 1 else threads
        self._rollout = Rollout(nthread=workers)
        self._datas = [mujoco.MjData(model) for _ in range(max(workers, 1))]
        self._spec = mujoco.mjtState.mjSTATE_CTRL.value
        if model.nmocap:
            self._spec |= mujoco.mjtState.mjSTATE_MOCAP_POS.value

        self._scratch = mujoco.MjData(model)
        # MuJoCo's clock starts one control step late, so that a lane which diverged and
        # was reset to time 0 always shows a time that is too small.
        self._scratch.time = self.dt
        self._home = np.empty(mujoco.mj_stateSize(model, _FULL))
        mujoco.mj_getState(model, self._scratch, self._home, _FULL)
        self._mocap_home = self._scratch.mocap_pos.copy()
        self.arrays: dict[str, Any] = {
            "state": np.tile(self._home, (n, 1)),
            "sensors": np.zeros((n, frame_skip, model.nsensordata)),
            "ctrl": np.zeros((n, model.nu)),
            "mocap_pos": np.tile(self._mocap_home, (n, 1, 1)),
        }
        self.bind()

    def bind(self) -> None:
        """Point views and buffers at `arrays`, after these were replaced."""
        model, skip = self.model, self.frame_skip
        self.state: Any = self.arrays["state"]
        self.sensors: Any = self.arrays["sensors"]
        self.ctrl, self.mocap_pos = self.arrays["ctrl"], self.arrays["mocap_pos"]
        self.qpos: Any = self.state[:, 1 : 1 + model.nq]
        self.qvel: Any = self.state[:, 1 + model.nq : 1 + model.nq + model.nv]
        n = len(self.state)
        self._models = [model] * n
        self._inputs = np.zeros((n, skip, mujoco.mj_stateSize(model, self._spec)))
        self._states_out = np.empty((n, skip, len(self._home)))
        self._sensors_out = np.empty((n, skip, model.nsensordata))

    def put_home(self, lane: int) -> None:
        """Give a lane the model's own pose, at rest."""
        self.state[lane] = self._home
        self.mocap_pos[lane] = self._mocap_home

    def sense(self, lane: int) -> None:
        """Read a lane's sensors as it stands, before any step was made."""
        self.sensors[lane] = self.scene(lane).sensordata

    def scene(self, lane: int) -> Any:
        """Return a scratch `mujoco.MjData` of one lane, good until the next call."""
        data = self._scratch
        mujoco.mj_resetData(self.model, data)
        mujoco.mj_setState(self.model, data, self.state[lane], _FULL)
        data.ctrl[:] = self.ctrl[lane]
        data.mocap_pos[:] = self.mocap_pos[lane]
        mujoco.mj_forward(self.model, data)
        return data

    def advance(self) -> Mask:
        """Move all lanes by one control step and return which diverged.

        A lane that did stays as it stood before, or at home if it was broken already, so
        that all that is computed from it is finite.
        """
        nu = self.model.nu
        self._inputs[:, :, :nu] = self.ctrl[:, None]
        if self.model.nmocap:
            self._inputs[:, :, nu:] = self.mocap_pos.reshape(len(self.state), 1, -1)
        self._rollout.rollout(
            self._models, self._datas, self.state, self._inputs,
            control_spec=self._spec, skip_checks=True, nstep=self.frame_skip,
            state=self._states_out, sensordata=self._sensors_out,
        )  # fmt: skip
        after = self._states_out[:, -1]
        # MuJoCo resets a diverged lane and hands it back finite: its clock gives it away.
        late: Mask = after[:, 0] <= self.state[:, 0] + self._almost_dt
        if (
            not np.count_nonzero(late)
            and surely_finite(self._states_out)
            and surely_finite(self.ctrl)
        ):
            self.state[...] = after
            # What was read last may be overwritten next: changing places saves a copy.
            self._sensors_out, self.sensors = self.sensors, self._sensors_out
            self.arrays["sensors"] = self.sensors
            return late
        good: Mask = ~late & np.isfinite(after).all(axis=1) & np.isfinite(self.ctrl).all(axis=1)
        self.state[good] = after[good]
        self.sensors[good] = self._sensors_out[good]
        for lane in np.flatnonzero(~good):
            if not np.isfinite(self.state[lane]).all():
                self.put_home(int(lane))
            self.ctrl[lane] = np.nan_to_num(self.ctrl[lane])
        return ~good

    def close(self) -> None:
        self._rollout.close()
