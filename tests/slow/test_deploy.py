"""The files of deploy/ as the programs they are for see them: nginx and Caddy in front of a real server, systemd."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(path.name for path in DEPLOY.iterdir() if path.suffix in {".service", ".timer"})
READY_S = 15.0


def program(name):
    """Return the path of a program these tests need; a missing one is a failure, never a skip."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.fail(f"{name} is missing; make test-slow installs it.", pytrace=False)
    return found


class Front:
    """A web server in a process of its own, asked at its port."""

    def __init__(self, command, port, folder):
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        self.port = port
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            named = {"Host": "molva.example.com"} | {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def wait(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.stderr.read()
            try:
                self.ask("GET", "/")
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"Not ready within {READY_S} s.")


@pytest.fixture
def front(tmp_path):
    started = []

    def start(command, port):
        started.append(Front(command, port, tmp_path))
        started[-1].wait()
        return started[-1]

    yield start
    for each in started:
        each.process.terminate()
        try:
            each.process.wait(10)
        except subprocess.TimeoutExpired:
            each.process.kill()
            each.process.wait(10)
        each.process.stderr.close()


def check(front, installation, client_of, event):
    """What must pass does, what must stay inside does, and too much is refused in front."""
    assert front.ask("GET", "/r/x.js")[0] == 200
    assert front.ask("POST", "/r/e", event, origin="https://shop.example", content_type="text/plain")[0] == 200
    assert front.ask("GET", "/login")[0] == 200
    for path in ("/healthz", "/readyz", "/metrics"):
        assert front.ask("GET", path)[0] == 404
    assert front.ask("POST", "/r/e", "x" * 70_000, origin="https://shop.example")[0] == 413
    # Caddy 2.6 answers 502 for a body it cut off.
    assert front.ask("POST", "/v1/track/sale", "x" * 1_200_000)[0] in (413, 502)
    with client_of(installation) as client:
        assert [item["id"] for item in client.newest("clicks", lambda _item: False)] == ["clk_through-a-proxy"]


@pytest.fixture
def event(installation):
    installation.start()
    key = installation.publishable_key
    return json.dumps({"v": 1, "t": "click", "k": key, "i": "a", "c": "through-a-proxy", "r": "ANNA"})


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_nginx_in_front(installation, client_of, front, event, tmp_path):
    text = (DEPLOY / "nginx.conf").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{installation.port}")
    port = free_port()
    # Without a certificate: plain HTTP on one port, and no redirect from the other.
    text = re.sub(r"^ *(ssl_.*|listen \[::\]:.*)\n", "", text, flags=re.MULTILINE)
    text = text.replace("listen 443 ssl http2;", f"listen 127.0.0.1:{port};")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    paths = "".join(f"{name}_temp_path {tmp_path}/{name};\n" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log;\n"
        f"events {{ worker_connections 64; }}\nhttp {{\nclient_body_temp_path {tmp_path}/body;\n{paths}{text}}}\n"
    )
    nginx = [program("nginx"), "-p", str(tmp_path), "-c", str(config), "-e", str(tmp_path / "error.log")]
    tested = subprocess.run([*nginx, "-t"], capture_output=True, text=True, check=False, timeout=30)
    assert tested.returncode == 0, tested.stderr

    check(front(nginx, port), installation, client_of, event)


def test_caddy_in_front(installation, client_of, front, event, tmp_path):
    caddy, source = program("caddy"), DEPLOY / "Caddyfile"
    tested = subprocess.run(
        [caddy, "validate", "--adapter", "caddyfile", "--config", str(source)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
    )
    assert tested.returncode == 0, tested.stderr
    port = free_port()
    text = source.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{installation.port}")
    text = text.replace("{\n\tservers", "{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n\tservers", 1)
    text = text.replace("molva.example.com {", f"http://molva.example.com:{port} {{")
    config = tmp_path / "Caddyfile"
    config.write_text(text)

    command = [caddy, "run", "--config", str(config), "--adapter", "caddyfile"]
    check(front(command, port), installation, client_of, event)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_in_a_unit(name, tmp_path):
    # The program is not where the unit says on a machine that only tests.
    for unit in UNITS:
        text = (DEPLOY / unit).read_text()
        (tmp_path / unit).write_text(re.sub(r"(?m)^ExecStart=/opt/molva/bin/molva", "ExecStart=/bin/true", text))
    command = [program("systemd-analyze"), "verify", "--man=no", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, [line for line in done.stderr.splitlines() if name in line]) == (0, [])
