"""Asks Cambio whether a token is good for this service: grpcio, the code in gen/ is generated from the contract.

The token comes on standard input, the rest from the environment; the exit status says what to do. See ../README.md.
"""

import base64
import os
import sys
from pathlib import Path
from urllib.parse import quote_plus

import grpc
from grpc_status import rpc_status

sys.path.append(str(Path(__file__).parent / "gen"))
from cambio.v1.error_pb2 import ERROR_REASON_TOKEN_EXPIRED, ErrorDetail, ErrorReason  # noqa: E402
from cambio.v1.token_exchange_service_pb2 import ValidateCrossClientRequest  # noqa: E402
from cambio.v1.token_exchange_service_pb2_grpc import TokenExchangeServiceStub  # noqa: E402
from cambio.v1.token_pb2 import Token  # noqa: E402

UNDECIDED = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,
}


def validate(url, client_id, secret, token):
    scheme, address = url.split("://", 1)
    # Id and secret are form-encoded before they are joined (RFC 6749 section 2.3.1).
    proof = base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
    plain = scheme == "http"
    with grpc.insecure_channel(address) if plain else grpc.secure_channel(address, grpc.ssl_channel_credentials()) as channel:
        request = ValidateCrossClientRequest(token=Token(value=token))
        return TokenExchangeServiceStub(channel).ValidateCrossClient(
            request, timeout=5, metadata=[("authorization", f"Basic {proof}")]
        )


def explain(failure):
    """Says why, and answers the exit status for it. A failure without a detail did not come from Cambio: nothing was decided."""
    status = rpc_status.from_call(failure)
    for one in status.details if status else []:
        detail = ErrorDetail()
        if not one.Unpack(detail):
            continue
        if detail.reason == ERROR_REASON_TOKEN_EXPIRED:
            print("expired", detail.expired_at.ToJsonString())
            return 10
        if failure.code() not in UNDECIDED:
            # A reason that is newer than this code has a number and no name.
            known = detail.reason in ErrorReason.values()
            print("refused", ErrorReason.Name(detail.reason).removeprefix("ERROR_REASON_") if known else detail.reason)
            return 11
    print("unavailable", failure.code().name)
    return 12


if __name__ == "__main__":
    try:
        answer = validate(
            os.environ["CAMBIO_URL"],
            os.environ["CAMBIO_CLIENT_ID"],
            os.environ["CAMBIO_CLIENT_SECRET"],
            sys.stdin.read().strip(),
        )
        print("subject", answer.claims.subject)
        print("expires", answer.claims.expires_at.ToJsonString())
    except grpc.RpcError as error:
        sys.exit(explain(error))
