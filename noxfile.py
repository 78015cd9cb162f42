"""Every check of the project, one session each: `nox` runs them all, `nox -s NAME` one."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.sessions = ["checks", "plugins", "image"]
nox.options.default_venv_backend = "venv"

PYPROJECT = nox.project.load_toml("pyproject.toml")
PLUGINS = sorted(path.parent.name for path in Path("plugins").glob("*/pyproject.toml"))
PINNED = ("-c", "constraints.txt")
HEAVY = "torch"
"""Installed first and pinned, so that nothing pulls a CUDA build of it."""
LINT = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    # Not the tests: they misspell on purpose.
    ("codespell", "src", "docs", "plugins", "benchmarks", "README.md", "CHANGELOG.md"),
)
EXTRAS = "train,report,vertex,tensorboard,wandb"
THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def install(session: nox.Session, *groups: str, extras: str = EXTRAS) -> None:
    """Install torch, then the project with its plugins, then dependency groups."""
    session.install(*PINNED, HEAVY)
    session.install(*PINNED, "-e", f".[{extras}]")
    # By themselves: older pips do not see that the line above brings what plugins ask for.
    session.install(*PINNED, *(f"./plugins/{name}" for name in PLUGINS))
    for group in groups:
        session.install(*nox.project.dependency_groups(PYPROJECT, group))


@nox.session
def checks(session: nox.Session) -> None:
    """Everything that one environment can check: lint, types, layers, tests."""
    install(session, "dev")
    for command in LINT:
        session.run(*command)
    session.run("mypy")
    session.run("lint-imports")
    # A process per core; a file's tests stay together, as they may share what is slow to make.
    # Files begin in the order of tests/conftest.py, not those of most tests first.
    workers = ("-n", "logical", "--dist", "loadfile", "--no-loadscope-reorder")
    session.run("pytest", *workers, *session.posargs, env=THREADS)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the suite on the running interpreter: warnings are errors, branches are counted."""
    install(session, "test")
    session.run("pytest", "--cov", "--cov-report=term:skip-covered", *session.posargs, env=THREADS)


@nox.session
def long(session: nox.Session) -> None:
    """Run the tests that train at length what `checks` proves in small; takes minutes each."""
    install(session, "test")
    session.run("pytest", "-m", "long", *session.posargs, env=THREADS)


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy --strict."""
    install(session, "test", "types")
    session.install("nox")
    session.run("mypy", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Run ruff and codespell, as the pre-commit hooks do."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    for command in LINT:
        session.run(*command)


@nox.session
def layers(session: nox.Session) -> None:
    """Hold the floors apart with import-linter."""
    session.install(*PINNED, "-e", ".")
    session.install(*nox.project.dependency_groups(PYPROJECT, "layers"))
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Run the commands of README and tutorials; compare the generated reference."""
    install(session, "test")
    session.run("pytest", "tests/docs", *session.posargs, env=THREADS)


@nox.session
def plugins(session: nox.Session) -> None:
    """Build wheels of core and each plugin, install one plugin at a time, run its own tests."""
    wheels = Path(session.create_tmp()) / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    session.install("build", "hatchling")
    for folder in (".", *(f"plugins/{name}" for name in PLUGINS)):
        session.run(
            "python", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), folder,
            silent=True,
        )  # fmt: skip
    session.install(*PINNED, HEAVY)
    session.install(*PINNED, f"{next(wheels.glob('mesosweep-*.whl'))}[train,report]")
    session.install(*nox.project.dependency_groups(PYPROJECT, "test"))
    for name in PLUGINS:
        session.install(*PINNED, str(next(wheels.glob(f"{name.replace('-', '_')}-*"))))
        session.run(
            "pytest", "-n", "logical", f"plugins/{name}/tests", *session.posargs, env=THREADS
        )
        # Alone each time: no plugin may lean on another.
        session.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", name)


@nox.session
def clients(session: nox.Session) -> None:
    """Let rl_zoo3, optuna-dashboard, TensorBoard and W&B read what a sweep leaves."""
    install(session, "test")
    session.install(*PINNED, "rl_zoo3", "optuna-dashboard")
    session.run("pytest", "tests/clients", *session.posargs, env=THREADS)


@nox.session
def image(session: nox.Session) -> None:
    """Run the Dockerfile's own install lines and entry point in a fresh environment."""
    install(session, "test", "lint", extras="train,vertex")
    session.run("hadolint", "Dockerfile")
    session.run("pytest", "tests/test_image.py", "-m", "image", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the README's sweep: three stages of a velociraptor, ten minutes at most."""
    install(session)
    output = session.posargs[0] if session.posargs else session.create_tmp()
    session.run(
        "mesosweep", "run-all", "--species", "velociraptor", "--algorithm", "ppo",
        "--search-space-file", "configs/smoke.json", "--output-dir", output,
        success_codes=[0, 3],
    )  # fmt: skip


@nox.session
def page(session: nox.Session) -> None:
    """Open a report in headless Chromium, wide and narrow: `nox -s page -- DIR` takes a sweep's."""
    install(session, "test")
    shots = str(Path(session.create_tmp()) / "screenshots")
    of = {"REPORT_OF": session.posargs[0]} if session.posargs else {}
    env = {**THREADS, **of, "SCREENSHOTS": shots}
    session.run("pytest", "tests/report/page/test_in_a_browser.py", env=env)
    session.log(f"The screenshots lie in {shots}.")


@nox.session
def kill(session: nox.Session) -> None:
    """Kill supervisors and workers of real sweeps forty times; nothing may be lost."""
    install(session)
    session.run("python", "benchmarks/kill.py", *session.posargs, env=THREADS)


@nox.session
def cloud_kill(session: nox.Session) -> None:
    """Kill supervisors of rehearsed cloud sweeps thousands of times; no job may be paid twice."""
    install(session)
    session.run("python", "benchmarks/cloud_kill.py", *session.posargs, env=THREADS)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what a sweep costs beside its training."""
    install(session)
    session.run("python", "benchmarks/overhead.py", *session.posargs, env=THREADS)


@nox.session
def peers(session: nox.Session) -> None:
    """Race whole sweeps against other tools, each in an environment of its own; takes an hour."""
    install(session)
    venvs = str(Path(session.create_tmp()) / "peers")
    session.run("python", "benchmarks/peers.py", "--venvs", venvs, *session.posargs, env=THREADS)


@nox.session
def curriculum(session: nox.Session) -> None:
    """Train a species through all its stages from several seeds: `nox -s curriculum -- trex`."""
    install(session)
    session.run("python", "benchmarks/curriculum.py", *session.posargs, env=THREADS)
