"""The rehearsed JobService over plaintext gRPC, on a loopback port."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2
from grpc_status import rpc_status

from mesosweep.rehearsal.answers import status_message
from mesosweep.rehearsal.refusal import Refusal
from mesosweep.rehearsal.service import METHODS, SERVICE, JobService, Method

_THREADS = 8


class GrpcServer:
    """Serves from construction until `close`; `service` may be replaced at any time."""

    def __init__(self, service: JobService, *, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one. Raises OSError for one that is taken."""
        self.service = service
        # Another server on our port would silently share its calls (SO_REUSEPORT).
        self._server = grpc.server(
            ThreadPoolExecutor(_THREADS, thread_name_prefix="jobs"),
            options=(("grpc.so_reuseport", 0),),
        )
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._handler(name),
                request_deserializer=method.request.deserialize,
                response_serializer=_serialiser(method),
            )
            for name, method in METHODS.items()
        }
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        try:
            self.port: int = self._server.add_insecure_port(f"127.0.0.1:{port}")
        except RuntimeError as cause:
            raise OSError(f"Port {port} of 127.0.0.1 cannot be listened on: {cause}") from cause
        self._server.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop serving; calls that are being served are cut off."""
        self._server.stop(grace=None).wait()

    def _handler(self, name: str) -> Callable[[Any, grpc.ServicerContext], Any]:
        def handle(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                reply = self.service.call(name, request)
            except Refusal as refusal:
                # Raises, which is how a handler of gRPC ends with an error.
                context.abort_with_status(rpc_status.to_status(status_message(refusal)))
            return empty_pb2.Empty() if reply is None else reply

        return handle


def _serialiser(method: Method) -> Callable[[Any], bytes]:
    reply = empty_pb2.Empty if method.reply is None else method.reply
    # Google's own messages are proto-plus; operations and the empty reply are plain protobuf.
    how: Callable[[Any], bytes] = getattr(reply, "serialize", None) or reply.SerializeToString
    return how
