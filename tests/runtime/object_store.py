"""An S3-compatible store on this machine, for tests that need a real one."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Generator, Mapping

_STARTING_S = 60


@contextlib.contextmanager
def s3() -> Generator[Mapping[str, str]]:
    """Give the environment that reaches an S3-compatible store on this machine, with the bucket ``lake`` in it."""
    import boto3
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        _answering(host, port)
        s3fs.S3FileSystem.clear_instance_cache()  # one that was made elsewhere has other credentials
        boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        ).create_bucket(Bucket="lake")
        yield {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": url,
            "MLFLOW_S3_ENDPOINT_URL": url,
        }
    finally:
        server.stop()


def _answering(host: str, port: int) -> None:
    deadline = time.monotonic() + _STARTING_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
    raise AssertionError("the S3 store does not answer")
