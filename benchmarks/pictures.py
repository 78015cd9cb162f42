"""Draw a strip of one episode of a checkpoint, as shown in the species' READMEs.

    python benchmarks/pictures.py CHECKPOINT.zip STRIP.png --stage 3 [--seed 0] [--last]

Frames run from left to right, row by row, `--every` control steps apart: from `--first` on,
or up to the end of the episode with `--last`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from mesosweep.envs.ground import open_ground
from mesosweep.envs.gym import BatchEnv
from mesosweep.plugins import ALGORITHMS, SPECIES, Registry, resolve
from mesosweep.settings.stages import load_curriculum


def main() -> None:
    """Play the episode, keep the frames, write the strip, say how the episode ended."""
    args = _arguments()
    registry = Registry()
    species = registry.get(SPECIES, args.species)
    settings = dict(load_curriculum(species).stage(args.stage).env)
    ground = open_ground(species, reference=settings, training=settings)
    algorithm = registry.get(ALGORITHMS, args.algorithm)
    policy = resolve(algorithm.learner, what=algorithm.name)().load(args.checkpoint, ground)
    assert species.body is not None, "strips are drawn of bodies"
    body = resolve(species.body, what=species.name)
    env = BatchEnv(body, settings, render_mode="rgb_array", width=args.width, height=args.height)

    frames: list[np.ndarray] = []
    observation, _ = env.reset(seed=args.seed)
    ended = False
    info: dict[str, object] = {}
    wanted = args.columns * args.rows
    while not ended:
        observation, _, terminated, truncated, info = env.step(policy(observation[None])[0])
        ended = terminated or truncated
        step = int(env.lanes.steps[0]) - args.first
        if step >= 0 and step % args.every == 0:
            frames.append(env.render())
            if not args.last and len(frames) == wanted:
                break
    env.close()
    if len(frames) < args.columns:
        raise SystemExit(
            f"The episode is over after {len(frames)} frames, too few for a row of {args.columns}: "
            "lower --first, --every or --columns, or try another --seed."
        )
    # Whole rows only: an episode may be shorter than the strip.
    wanted = min(wanted, len(frames) // args.columns * args.columns)
    chosen = frames[-wanted:] if args.last else frames[:wanted]
    rows = [np.hstack(chosen[i : i + args.columns]) for i in range(0, wanted, args.columns)]
    iio.imwrite(args.picture, np.vstack(rows), quantize=96)
    print(f"{args.picture}: {len(chosen)} frames; {info or 'cut before its end'}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--species", default="velociraptor")
    parser.add_argument("--algorithm", default="ppo")
    parser.add_argument("--stage", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=50, help="control step of the first frame")
    parser.add_argument("--every", type=int, default=3, help="control steps between frames")
    parser.add_argument("--last", action="store_true", help="show the end of the episode")
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=240)
    return parser.parse_args()


if __name__ == "__main__":
    main()
