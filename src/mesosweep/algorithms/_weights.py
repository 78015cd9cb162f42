"""The policy zip: written so that plain SB3 opens it, read without executing a pickle."""

from __future__ import annotations

import io
import json
import pickle
import re
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.save_util import load_from_zip_file
from torch import nn

from mesosweep.domain.errors import CheckpointDamaged
from mesosweep.plugins import resolve

ACTIVATION: Mapping[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
}
_MEMBER = "mesosweep.json"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What policies of one algorithm have in common."""

    policy: str
    """Their class, `module:attribute`; imported when one is built."""
    activation_fn: str
    """Where nothing is said."""
    hidden: str
    """How the weights of the actor's hidden layers are named."""


_ACTOR_CRITIC = _Kind(
    "stable_baselines3.common.policies:ActorCriticPolicy",
    "tanh",
    r"mlp_extractor\.policy_net\.(\d+)\.weight",
)
_SAC = _Kind("stable_baselines3.sac.policies:SACPolicy", "relu", r"actor\.latent_pi\.(\d+)\.weight")
_KINDS: Mapping[str, _Kind] = {
    "ppo": _ACTOR_CRITIC,
    "trpo": _ACTOR_CRITIC,
    "sac": _SAC,
    "tqc": replace(_SAC, policy="sb3_contrib.tqc.policies:TQCPolicy"),
    "crossq": replace(_SAC, policy="sb3_contrib.crossq.policies:CrossQPolicy"),
}
_MEND = "Copy the bundle again from where it was made, or start from another checkpoint."
# What reading a cut or altered zip or tensor file can raise.
UNREADABLE = (
    *(OSError, EOFError, KeyError, ValueError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, pickle.UnpicklingError),
)

AlgorithmName = Literal["ppo", "sac", "tqc", "crossq", "trpo"]


@dataclass(frozen=True, slots=True)
class Structure:
    """What a network is made of, beside its weights."""

    algorithm: AlgorithmName
    net_arch: tuple[int, ...]
    activation_fn: str
    use_sde: bool = False

    def policy_kwargs(self) -> dict[str, Any]:
        """Return the structure as SB3's constructors take it."""
        return {
            "net_arch": list(self.net_arch),
            "activation_fn": ACTIVATION[self.activation_fn],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The content of a policy zip."""

    path: Path
    structure: Structure
    policy: Mapping[str, th.Tensor]
    log_alpha: th.Tensor | None = None
    """SAC's learned log of the entropy coefficient, (1,); its relatives' too."""


def write_policy(model: BaseAlgorithm, structure: Structure, path: Path) -> None:
    """Write a model so that `stable_baselines3`, or `sb3_contrib`, alone can open it.

    What belongs to the running training only (last observations, logger) stays out.

    Raises:
        OSError: the disk is full or read-only.
    """
    running = ("_last_obs", "_last_original_obs", "_last_episode_starts")
    # By way of memory: torch, writing to a full disk, raises a RuntimeError of its own.
    content = io.BytesIO()
    model.save(content, exclude=(*running, "ep_info_buffer", "ep_success_buffer"))
    # A further member does not disturb SB3, and spares guessing the activation.
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(_MEMBER, json.dumps(asdict(structure)))
    path.write_bytes(content.getbuffer())


def read_policy(path: Path, *, algorithm: AlgorithmName, trust: bool = False) -> Weights:
    """Read weights and structure of a policy zip.

    Executes no pickle unless `trust`; then the pickled settings of a zip that SB3
    alone has written tell what its weights do not, the activation function.

    Raises:
        CheckpointDamaged: the zip is missing, cut off, or of another algorithm.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            policy = _tensors(archive, "policy.pth")
            variables = (
                _tensors(archive, "pytorch_variables.pth")
                if "pytorch_variables.pth" in names
                else {}
            )
            told = json.loads(archive.read(_MEMBER)) if _MEMBER in names else None
        structure = _structure(told, policy, algorithm=algorithm)
        if told is None and trust:
            structure = _trusted(path, structure)
    except FileNotFoundError:
        raise CheckpointDamaged(f"{path}: no such policy zip.", hint=_MEND) from None
    except UNREADABLE as cause:
        raise CheckpointDamaged(
            f"{path}: not a whole policy zip ({_first_line(cause)}).", hint=_MEND
        ) from cause
    if structure.algorithm != algorithm:
        raise CheckpointDamaged(
            f"{path}: holds a policy of {structure.algorithm}, not of {algorithm}.",
            hint=f"Pass a checkpoint that {algorithm} trained, or --algorithm {structure.algorithm}.",
        )
    log_alpha = variables.get("log_ent_coef") if isinstance(variables, dict) else None
    return Weights(path, structure, policy, None if log_alpha is None else log_alpha.detach())


def put_policy(weights: Weights, policy: BasePolicy) -> None:
    """Copy weights into a network of the same structure.

    Raises:
        CheckpointDamaged: shapes differ, names are missing, or numbers are not finite.
    """
    try:
        policy.load_state_dict(dict(weights.policy))
    except RuntimeError as cause:
        lines = [line.strip() for line in str(cause).splitlines()[1:]]
        raise CheckpointDamaged(
            f"{weights.path}: the weights do not fit this stage's policy "
            f"({lines[0] if lines else cause}).",
            hint="The checkpoint belongs to another species, or to another version of this one.",
        ) from cause
    if not all_finite(policy):
        raise CheckpointDamaged(
            f"{weights.path}: holds weights that are not finite.",
            hint="Start from another checkpoint.",
        )


def network(structure: Structure, observation_space: Any, action_space: Any) -> BasePolicy:
    """Build an untrained SB3 policy network of this structure, on the CPU."""
    kind = resolve(_KINDS[structure.algorithm].policy, what=f"a policy of {structure.algorithm}")
    built: BasePolicy = kind(
        observation_space,
        action_space,
        lambda _: 1e-3,  # its optimiser is never stepped
        use_sde=structure.use_sde,
        **structure.policy_kwargs(),
    )
    return built


def all_finite(policy: nn.Module) -> bool:
    """Whether every weight, and every statistic that a layer keeps, is a finite number."""
    return all(bool(th.isfinite(tensor).all()) for tensor in policy.state_dict().values())


def _tensors(archive: zipfile.ZipFile, name: str) -> Any:
    content = io.BytesIO(archive.read(name))
    with warnings.catch_warnings():
        # torch remarks on a strange pickle before it refuses it; the refusal says enough.
        warnings.filterwarnings("ignore", "Detected pickle protocol")
        # weights_only: tensors and plain containers, nothing that runs code.
        return th.load(content, map_location="cpu", weights_only=True)


def _structure(
    told: Mapping[str, Any] | None, policy: Mapping[str, th.Tensor], *, algorithm: AlgorithmName
) -> Structure:
    """Take what our own zips say, else read the layers off the weights of a plain SB3 zip."""
    if told is not None:
        return Structure(
            algorithm=told["algorithm"],
            net_arch=tuple(int(units) for units in told["net_arch"]),
            activation_fn=str(told["activation_fn"]),
            use_sde=bool(told["use_sde"]),
        )
    layers = {
        int(match[1]): int(tensor.shape[0])
        for name, tensor in policy.items()
        if (match := re.fullmatch(_KINDS[algorithm].hidden, name))
    }
    if not layers:
        raise ValueError(f"no hidden layers of a {algorithm} policy in it")
    return Structure(
        algorithm=algorithm,
        net_arch=tuple(layers[index] for index in sorted(layers)),
        activation_fn=_KINDS[algorithm].activation_fn,
    )


def _trusted(path: Path, structure: Structure) -> Structure:
    data, _, _ = load_from_zip_file(path, device="cpu")
    data = data or {}
    chosen = (data.get("policy_kwargs") or {}).get("activation_fn")
    named = {kind: name for name, kind in ACTIVATION.items()}
    if chosen is not None and chosen not in named:
        raise ValueError(f"activation {chosen.__name__} is none of {', '.join(ACTIVATION)}")
    return replace(
        structure,
        activation_fn=structure.activation_fn if chosen is None else named[chosen],
        use_sde=bool(data.get("use_sde", False)),
    )


def _first_line(cause: BaseException) -> str:
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]
