"""Prints which Python this is and which packages of the stack it has, as one line of JSON."""

import json
import platform

from stowage_worker.versions import package_versions

PACKAGES = ("torch", "transformers", "accelerate", "deepspeed", "bitsandbytes")

print(json.dumps({"python": platform.python_version(), "versions": package_versions(PACKAGES)}))
