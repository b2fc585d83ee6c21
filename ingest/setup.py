"""What the public edge is given when it is built: collaborators and settings."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ingest.buffer import ClickBuffer
from ingest.client_address import Network, client_address
from ingest.directory import Directory, Sink
from ingest.http import FORWARDED_FOR
from ingest.problems import FieldError, invalid
from ingest.rate_limits import RateLimits


class EdgeSetup:
    """Collaborators of the edge; made once by the roof, read by every request."""

    def __init__(
        self,
        *,
        directory: Directory,
        sink: Sink,
        buffer: ClickBuffer,
        now_ms: Callable[[], int],
        base_url: str,
        prefix: str,
        script_name: str,
        cookie_name: str,
        token_name: str,
        url_parameters: tuple[str, ...],
        trusted_proxies: tuple[Network, ...],
        currencies: Mapping[str, int],
        limits: RateLimits | None,
    ) -> None:
        """Take the collaborators and names.

        Base URL: the outside address, the only source of links; prefix: like "/r"; URL parameters: where a code may
        stand; a redirect appends the first of them, and the token under its name; currencies: ISO 4217 codes with their
        number of decimals; limits: None switches rate limits off.
        """
        self.directory = directory
        self.sink = sink
        self.buffer = buffer
        self.now_ms = now_ms
        self.base_host = urlsplit(base_url).hostname or ""
        self.is_secure = base_url.startswith("https://")
        self.prefix = prefix
        self.script_name = script_name
        self.cookie_name = cookie_name
        self.token_name = token_name
        self.url_parameters = url_parameters
        self.limits = limits
        self._trusted = trusted_proxies
        self._currencies = currencies

    def client_address(self, scope: dict[str, Any], headers: dict[bytes, bytes]) -> str:
        """Return the address of the request's client."""
        client = scope.get("client")
        return client_address(client[0] if client else None, headers.get(FORWARDED_FOR), self._trusted)

    @property
    def code_parameter(self) -> str:
        """The URL parameter a redirect appends the code as."""
        return self.url_parameters[0]

    def is_click_over_limit(self, address: str) -> bool:
        """Tell whether one more click from an address is too much."""
        return self.limits is not None and self.limits.click(address) > 0

    def decimals_of(self, currency: str, field: str) -> int:
        """Return how many decimals an ISO 4217 currency has; raises ProblemError 422 for an unknown one."""
        decimals = self._currencies.get(currency)
        if decimals is None:
            raise invalid(FieldError(field=field, message=f'"{currency}" is not a currency of ISO 4217 (like "EUR").'))
        return decimals
