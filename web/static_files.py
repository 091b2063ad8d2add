"""Style, script and icon: files of the package, under names that hold a hash of what is in them.

So they can be cached for ever, and a new version is never mixed with an old one.
"""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from importlib import resources

from msgspec import Struct

from web.visit import Reply, Visit

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_HASH_DIGITS = 12


class StaticFile(Struct, frozen=True):
    """One file as it is served."""

    served_name: str
    content: bytes
    content_type: str


class StaticFiles:
    """All of them, by the names that templates use."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._by_name = {name: _static_file(name, content) for name, content in files.items()}
        self._by_served_name = {file.served_name: file for file in self._by_name.values()}

    @classmethod
    def shipped(cls) -> "StaticFiles":
        """Those of the package."""
        folder = resources.files("web") / "static"
        return cls({file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()})

    def path(self, name: str) -> str:
        """Where a file is served."""
        return f"/static/{self._by_name[name].served_name}"

    async def serve(self, visit: Visit) -> Reply:
        """The view of `/static/{name}`."""
        file = self._by_served_name.get(visit.parts["name"])
        if file is None:
            return Reply(HTTPStatus.NOT_FOUND)
        return Reply(body=file.content, content_type=file.content_type, is_public=True)


def _static_file(name: str, content: bytes) -> StaticFile:
    stem, _, ending = name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]
    return StaticFile(f"{stem}.{digest}.{ending}", content, _TYPES[ending])
