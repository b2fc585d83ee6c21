"""The script tag of an installation, with exactly the options its settings make necessary; pure.

The pages and commands that show a tag call it, so that names an operator chose stand in the tag as well.
"""

import html

import snippet
from tracker.settings import Settings

_DEFAULTS = Settings()


def script_url(settings: Settings, build: snippet.Build = "x.js") -> str:
    """Return the outside address of one build of the snippet."""
    name = f"{settings.script_name}{build.removeprefix('x')}"
    return f"{settings.base_url}{settings.public_prefix}/{name}"


def install_tag(settings: Settings, *, key: str, build: snippet.Build = "x.js", integrity: str | None = None) -> str:
    """Return the tag for a page, as HTML.

    Key: the program's publishable key. Integrity: the frozen file's `sri`, which makes the browser refuse any other
    content; a floating file changes with each version, so it goes without.
    """
    attributes = {"src": script_url(settings, build), "data-key": key, **tag_options(settings)}
    if integrity is not None:
        attributes |= {"integrity": integrity, "crossorigin": "anonymous"}
    shown = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<script async {shown}></script>"


def tag_options(settings: Settings) -> dict[str, str]:
    """Return the `data-` attributes by which the snippet learns the names that are not its own defaults."""
    options: dict[str, str] = {}
    if settings.cookie_name != _DEFAULTS.cookie_name:
        options["data-cookie"] = settings.cookie_name
    if settings.global_name != _DEFAULTS.global_name:
        options["data-name"] = settings.global_name
    if settings.token_name != _DEFAULTS.token_name:
        options["data-token"] = settings.token_name
    if settings.url_parameters:
        options["data-params"] = " ".join(settings.url_parameters)
    return options
