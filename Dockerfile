# The trainer: what every worker of a sweep runs.
#
#   docker build --build-arg TORCH_INDEX=ADDRESS -t mesosweep .
#   docker build --build-arg EXTRAS=train,wandb -t mesosweep .         # for trials with --wandb
#   docker run --rm mesosweep trial --species=velociraptor --stage=1 --timesteps=10000
#
# ADDRESS is the package index that PyTorch's installation page shows for "CPU": small
# networks are bound by the CPU, and the CUDA build of torch adds several GB. Without
# it pip takes whatever build its own index offers.
FROM python:3.12-slim

ARG TORCH_INDEX=""
ARG EXTRAS="train"
ARG SPECIES="./plugins/mesosweep-velociraptor ./plugins/mesosweep-trex ./plugins/mesosweep-brachiosaurus"

# Headless OpenGL by OSMesa: rendering needs no GPU and no display.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libosmesa6 libgl1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 trainer

ENV MUJOCO_GL=osmesa \
    OMP_NUM_THREADS=1 \
    MKL_NUM_THREADS=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1

WORKDIR /opt/mesosweep
COPY constraints.txt ./
# hadolint ignore=DL3013,SC2086
RUN pip install ${TORCH_INDEX:+--index-url ${TORCH_INDEX}} torch==2.13.0
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
COPY plugins ./plugins
# What is installed here lies in the image already; constraints.txt pins the rest.
# hadolint ignore=DL3013,SC2086
RUN pip install -c constraints.txt ".[${EXTRAS}]" && pip install -c constraints.txt ${SPECIES}

USER 1000
WORKDIR /home/trainer
ENTRYPOINT ["mesosweep"]
CMD ["--help"]
