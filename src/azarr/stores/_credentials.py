"""Where AWS settings are found that neither storage options nor the environment name.

obstore reads the environment and the metadata services. s3fs, by way of botocore, also reads the
files of the AWS command line. The same URL should work through both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from azarr.errors import StoreError

_FILES = {
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    "AWS_CONFIG_FILE": "~/.aws/config",
}


def add_aws_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Add the region to an obstore configuration, and return further arguments of its S3 store."""
    given = config.get("skip_signature") or "access_key_id" in config
    if not _has_files(os.environ):
        return {}
    import botocore.session

    session = botocore.session.Session()
    region = None if "region" in config else session.get_config_variable("region")
    if region:
        config["region"] = region
    if given or "AWS_ACCESS_KEY_ID" in os.environ:
        return {}
    from botocore.exceptions import BotoCoreError

    try:
        credentials = session.get_credentials()
    except (BotoCoreError, OSError) as error:  # a credential process that fails, or is not there
        raise StoreError(f"no credentials: {type(error).__name__}: {error}") from None
    return {} if credentials is None else {"credential_provider": _provider(credentials)}


def _has_files(environment: Mapping[str, str]) -> bool:
    return any(
        Path(environment.get(name, default)).expanduser().exists()
        for name, default in _FILES.items()
    )


def _provider(credentials: Any) -> Callable[[], dict[str, Any]]:
    from datetime import UTC, datetime, timedelta

    def provide() -> dict[str, Any]:
        found = credentials.get_frozen_credentials()
        return {
            "access_key_id": found.access_key,
            "secret_access_key": found.secret_key,
            "token": found.token,
            # botocore renews what expires when asked again, at most 15 minutes before it does.
            "expires_at": datetime.now(UTC) + timedelta(minutes=5),
        }

    return provide
