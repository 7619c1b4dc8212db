"""Make the bucket that everything is kept in, once; the endpoint and the keys are AWS's own environment variables."""

import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def make_bucket(name: str) -> bool:
    """Whether the bucket had to be made."""
    client = boto3.client("s3")
    known = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    if name in known:
        return False
    region = client.meta.region_name
    # S3 refuses its oldest region as a location constraint: it is where a bucket goes without one.
    if region == "us-east-1":
        client.create_bucket(Bucket=name)
    else:
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    return True


def main() -> int:
    """Exit status 0 when the bucket is there."""
    name = os.environ["WM_BUCKET"]
    try:
        is_new = make_bucket(name)
    except (BotoCoreError, ClientError) as error:
        print(f"bucket {name}: {error}", file=sys.stderr)
        return 1
    print(f"bucket {name}: {'made' if is_new else 'was there'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
