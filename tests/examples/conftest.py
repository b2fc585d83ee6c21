"""The demo shop against a stand-in for Molva's server API that records what it is told."""

import importlib.util
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

SHOP = Path(__file__).parents[2] / "examples/shop/shop.py"


@pytest.fixture(scope="session")
def shop() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_shop", SHOP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Molva:
    """What the shop believes to be Molva; answers with `status`."""

    def __init__(self) -> None:
        self.status = 202
        self.calls: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        molva = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                molva.calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(molva.status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_words: Any) -> None:
                """Keep the test output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def molva() -> Iterator[Molva]:
    molva = Molva()
    thread = threading.Thread(target=molva.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield molva
    molva.server.shutdown()
    thread.join()
    molva.server.server_close()


@pytest.fixture
def make_client(shop: ModuleType, molva: Molva) -> Callable[..., TestClient]:
    def make(**changes: Any) -> TestClient:
        values = {
            "molva_url": molva.url,
            "script_url": "https://molva.example.test/r/x.js",
            "publishable_key": "pk_test_1",
            "secret_key": "sk_test_1",
        }
        return TestClient(shop.create_app(shop.ShopConfig(**{**values, **changes})))

    return make
