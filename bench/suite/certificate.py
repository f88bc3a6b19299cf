"""A certificate for the servers that speak TLS; the load generator trusts it and nothing else."""

import subprocess

from .servers import Places

_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"
# Or it would be one of an authority, which no server may have.
_NO_AUTHORITY = "basicConstraints=critical,CA:FALSE"


def make(places: Places) -> None:
    """Of two days, for this machine alone.

    Raises RuntimeError where openssl is missing or fails.
    """
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(places.key)]
    extensions = ["-addext", _NAMES, "-addext", _NO_AUTHORITY]
    certificate = ["-days", "2", "-subj", "/CN=localhost", *extensions, "-out", str(places.certificate)]
    try:
        subprocess.run(["openssl", "req", "-x509", *key, *certificate], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as failure:
        raise RuntimeError(f"openssl, which makes the certificate for TLS: {failure}") from failure
