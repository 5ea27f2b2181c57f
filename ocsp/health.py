"""What can be amiss with the responder: its certificates, its keys, the books."""

from core.health import Checks
from core.health_checks import database, disk, keys, service_certificates
from core.home import Home


def checks(home: Home) -> Checks:
    """Those of the service `ocsp`."""
    return {
        "database": lambda: database(home),
        "disk": lambda: disk(home, home.path),
        "keys": lambda: keys(home, "ocsp"),
        "certificates": lambda: service_certificates(home, "ocsp"),
    }
