"""Google's own client of JobService, pointed at a plaintext port of this machine."""

from __future__ import annotations

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as v1
from google.cloud.aiplatform_v1.services.job_service.transports.grpc import JobServiceGrpcTransport
from google.cloud.aiplatform_v1.services.job_service.transports.rest import JobServiceRestTransport


def grpc_client(endpoint: str) -> v1.JobServiceClient:
    """Return a client of plaintext gRPC for `http://host:port`."""
    channel = grpc.insecure_channel(endpoint.removeprefix("http://"))
    return v1.JobServiceClient(transport=JobServiceGrpcTransport(channel=channel))


def rest_client(endpoint: str) -> v1.JobServiceClient:
    """Return a client of plaintext REST for `http://host:port`."""
    transport = JobServiceRestTransport(
        host=endpoint.removeprefix("http://"),
        url_scheme="http",
        credentials=AnonymousCredentials(),
    )
    return v1.JobServiceClient(transport=transport)
