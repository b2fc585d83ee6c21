"""The browser snippet: hands out the built files with version, ETag and integrity hash.

`ingest` serves them; the pages that show an installation tag name their hash. No tracking logic lives in
Python: the source is in `src/`, `build.mjs` turns it into `built/`, and the build hook runs that. The frozen file of a
major version is not built from the source: it is copied from `frozen/`, so that its hash stays for ever.
"""

import functools
import hashlib
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["FROZEN", "Build", "BuiltFile", "NotBuiltError", "script"]

BUILT = Path(__file__).parent / "built"

Encoding = Literal["br", "gzip"]
Build = Literal["x.js", "x.core.js", "x.compat.js", "x.v1.js"]
FROZEN: frozenset[Build] = frozenset({"x.v1.js"})  # never change again, so that pages may pin their hash
ENDINGS: dict[Encoding | None, str] = {None: "", "br": ".br", "gzip": ".gz"}


class NotBuiltError(RuntimeError):
    """The built files are missing or incomplete."""


class BuiltFile(msgspec.Struct, frozen=True, kw_only=True):
    """One built file as it goes over the wire.

    `body` is in the encoding asked for; `etag` is quoted and differs between encodings; `sri` is the
    sha384 integrity value of the plain bytes, the same for every encoding.
    """

    body: bytes
    etag: str
    sri: str
    version: str
    content_type: str


class _FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    sri: str


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    files: dict[str, _FileEntry]


def script(encoding: Encoding | None, name: Build = "x.js") -> BuiltFile:
    """Return one build of the snippet in one encoding (None: plain); without a name the default one.

    `version` is that of the package, also for the frozen file. Read once per process. Raises NotBuiltError with the
    remedy when it was never built.
    """
    return _read(name, encoding)


@functools.cache
def _read(name: Build, encoding: Encoding | None) -> BuiltFile:
    path = BUILT / f"{name}{ENDINGS[encoding]}"
    try:
        manifest = msgspec.json.decode((BUILT / "manifest.json").read_bytes(), type=_Manifest)
        body = path.read_bytes()
        entry = manifest.files[name]
    except (OSError, msgspec.DecodeError, KeyError) as error:
        raise NotBuiltError(f'The snippet file "{path}" is not built ({error!r}); run: make build') from error
    return BuiltFile(
        body=body,
        etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        sri=entry.sri,
        version=manifest.version,
        content_type="text/javascript; charset=utf-8",
    )
