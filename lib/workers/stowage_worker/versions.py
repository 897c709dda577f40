"""Which versions of packages are installed, without importing them: torch alone would take seconds."""

from importlib import metadata


def package_versions(names) -> dict:
    """Name to version; a package that is not installed is absent."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
