"""Places that never reach a disk: sheets with shares lie there until they are printed."""

from pathlib import Path

from core.errors import Kind, YinxinError
from core.i18n import _

_MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = {"tmpfs", "ramfs"}


def require_memory(place: Path) -> None:
    """Return if the file system at this place is in memory (proc(5), mountinfo); else `YinxinError` (forbidden)."""
    resolved = place.absolute().parent.resolve() / place.name
    if _kind_of(resolved) not in _IN_MEMORY:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("shares are not written to a disk, and this is none in memory"),
            subject=str(place),
            remedy=_("name a folder below /dev/shm, or another tmpfs; or have the shares encrypted"),
        )


def _kind_of(place: Path) -> str:
    """The type of the file system that is mounted nearest above."""
    nearest, kind = Path("/"), ""
    try:
        lines = _MOUNTS.read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _dash, after = line.partition(" - ")
        mounted = Path(before.split()[4].encode().decode("unicode_escape"))
        if place.is_relative_to(mounted) and len(mounted.parts) >= len(nearest.parts):
            nearest, kind = mounted, after.split()[0]
    return kind
