"""Prints which Python this is and which packages of the stack it has, as one line of JSON.

Only the packages' metadata is read: importing torch would take seconds.
"""

import json
import platform
from importlib import metadata

PACKAGES = ("torch", "transformers", "accelerate", "deepspeed", "bitsandbytes")


def installed_versions():
    """Package name to version; a package that is not installed is absent."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


print(json.dumps({"python": platform.python_version(), "versions": installed_versions()}))
