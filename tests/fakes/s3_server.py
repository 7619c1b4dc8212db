"""A real S3 server on loopback (moto) with one empty bucket."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from wm_pipeline.gateways.files import S3Options

BUCKET = "lake"


@contextmanager
def s3_server() -> Iterator[S3Options]:
    """How to reach the server while it runs."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it prints a line a request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = options_at(f"http://{host}:{port}")
    make_bucket(options)
    try:
        yield options
    finally:
        server.stop()


def options_at(address: str) -> S3Options:
    """moto takes any credentials."""
    return S3Options(address, "a-key", "a-secret", "us-east-1")


def make_bucket(options: S3Options) -> None:
    """Raises botocore's BotoCoreError while the server does not answer."""
    with closing(client_of(options)) as client:
        client.create_bucket(Bucket=BUCKET)


def client_of(options: S3Options) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=options.endpoint_url,
        aws_access_key_id=options.access_key_id,
        aws_secret_access_key=options.secret_access_key,
        region_name=options.region,
    )
