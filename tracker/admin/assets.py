"""Style sheets, scripts and pictures of the staff pages, served from memory under addresses that carry their digest.

Templates ask `asset_url`; a changed file has a new address, so browsers may keep each for ever. Vendor files (the chart
library) come at build time and may be missing in a source checkout; pages ask `has_asset` first.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

STATIC_DIR = Path(__file__).parent / "static"
PREFIX = "/admin/static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


class Asset(NamedTuple):
    """One file: its content, its digest and its media type."""

    content: bytes
    digest: str
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Return every servable file by its path below `static/`."""
    found: dict[str, Asset] = {}
    for path in sorted(STATIC_DIR.rglob("*")):
        if path.suffix in _TYPES and path.is_file():
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            found[path.relative_to(STATIC_DIR).as_posix()] = Asset(content, digest, _TYPES[path.suffix])
    return found


def has_asset(name: str) -> bool:
    """Tell whether a file is there."""
    return name in assets()


def asset_url(name: str) -> str:
    """Return the address of a file; a missing one is a mistake in the template and raises KeyError."""
    return f"{PREFIX}/{assets()[name].digest}/{name}"


async def serve_asset(request: Request) -> Response:
    """Answer one file; one asked for under an old digest is given without leave to keep it."""
    asset = assets().get(request.path_params["name"])
    if asset is None:
        return Response(status_code=404)
    is_current = request.path_params["digest"] == asset.digest
    cache_control = "public, max-age=31536000, immutable" if is_current else "no-cache"
    headers = {
        "Cache-Control": cache_control,
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Response(asset.content, media_type=asset.media_type, headers=headers)


ASSET_ROUTE = Route(f"{PREFIX}/{{digest}}/{{name:path}}", serve_asset, methods=["GET"], name="admin_static")
