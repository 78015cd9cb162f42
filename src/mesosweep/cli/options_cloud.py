"""Options of a backend that runs trials elsewhere: whose, on what machines, for how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesosweep.cli.panels import CLOUD, option

CLOUD_OPTIONS: Mapping[str, Any] = {
    "project": option(
        str,
        "--project",
        metavar="ID",
        panel=CLOUD,
        help="Google Cloud project that pays for trials.",
    ),
    "bucket": option(
        str,
        "--bucket",
        metavar="NAME",
        panel=CLOUD,
        help="Bucket for state, records and checkpoints: NAME, or gs://NAME/folder.",
    ),
    "image": option(
        str, "--image", metavar="URI", panel=CLOUD, help="Trainer image that every trial runs."
    ),
    "location": option(
        str,
        "--location",
        "--region",
        metavar="REGION",
        panel=CLOUD,
        help="Where machines stand (default us-central1).",
    ),
    "machine_type": option(
        str,
        "--machine-type",
        metavar="NAME",
        panel=CLOUD,
        help="Machine of one trial (default n1-standard-8).",
    ),
    "accelerator_type": option(
        str,
        "--accelerator-type",
        metavar="NAME",
        panel=CLOUD,
        help="T4, V100, A100, L4, the API's own name, or None for CPU only (default).",
    ),
    "accelerator_count": option(
        int,
        "--accelerator-count",
        metavar="COUNT",
        panel=CLOUD,
        help="How many of them a machine has (default 1).",
    ),
    "any_machine": option(
        bool,
        "--any-machine",
        panel=CLOUD,
        help="Send a machine and accelerator that our table says do not go together.",
    ),
    "spot": option(
        bool,
        "--spot",
        panel=CLOUD,
        help="Spot machines: cheaper, and may be taken away; trials go on from checkpoints.",
    ),
    "max_cost": option(
        float,
        "--max-cost",
        metavar="USD",
        panel=CLOUD,
        help="Refuse a plan that costs more, and stop a sweep before it does (exit 6).",
    ),
    "price_file": option(
        str,
        "--price-file",
        metavar="FILE",
        panel=CLOUD,
        help="Prices (TOML) that take the place of the package's own.",
    ),
    "max_failed_trials": option(
        int,
        "--max-failed-trials",
        metavar="COUNT",
        panel=CLOUD,
        help="So many failed trials fail a stage's job (default 3).",
    ),
    "service_account": option(
        str,
        "--service-account",
        metavar="EMAIL",
        panel=CLOUD,
        help="Account that trials run as (default: the project's own).",
    ),
    "network": option(
        str,
        "--network",
        metavar="NAME",
        panel=CLOUD,
        help="Network to peer with: projects/NUMBER/global/networks/NAME.",
    ),
    "label": option(
        list[str],
        "--label",
        metavar="KEY=VALUE ...",
        panel=CLOUD,
        help="Label of every job, for bills and filters. Takes several.",
    ),
    "api_endpoint": option(
        str,
        "--api-endpoint",
        metavar="HOST",
        panel=CLOUD,
        help="Host of the API in place of the region's own; http://HOST:PORT is plaintext.",
    ),
}
PLACE_OF_JOBS = ("project", "location", "api_endpoint")
"""What finds jobs that were submitted."""
