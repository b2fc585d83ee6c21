"""The recipes of docs/install, taken from the pages and run in front of a real `molva serve`."""

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def program(name: str) -> str:
    """Return the path of a program these tests need; a missing one is a failure, never a skip."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.fail(f"{name} is missing; install the package {name} (Debian: apt-get install {name}).", pytrace=False)
    return found


def node() -> str:
    spec = importlib.util.spec_from_file_location("molva_build", ROOT / "hatch_build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    return build.find_node().node


@pytest.mark.slow
def test_nginx_block(installation, block, serve, tmp_path):
    recipe = block("nginx.md", "nginx").replace("127.0.0.1:8000", f"127.0.0.1:{installation.port}")
    config = tmp_path / "nginx.conf"

    def command(port: int) -> list[str]:
        # A rule that would take the script away from a weaker location, as many shops have it.
        shop = r"location ~ \.js$ { return 404; } location / { return 200 shop; }"
        config.write_text(
            f"daemon off; worker_processes 1; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log;\n"
            "events { worker_connections 64; }\n"
            f"http {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;\n"
            f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
            f"server {{ listen 127.0.0.1:{port};\n{recipe}\n{shop} }} }}\n"
        )
        return [program("nginx"), "-p", str(tmp_path), "-c", str(config), "-e", str(tmp_path / "error.log")]

    visitor = installation.visitor(serve(command))

    assert "Domain=shop.example" in visitor.check("nginx-click")
    assert visitor.ask("GET", "/")[2] == b"shop"


@pytest.mark.slow
def test_caddy_file(installation, block, serve, tmp_path):
    recipe = block("caddy.md", "caddyfile").replace("127.0.0.1:8000", f"127.0.0.1:{installation.port}")
    (tmp_path / "index.html").write_text("shop")
    config = tmp_path / "Caddyfile"

    def command(port: int) -> list[str]:
        here = f"http://shop.example:{port}"
        text = recipe.replace("shop.example", here).replace("/srv/shop", str(tmp_path))
        config.write_text("{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}\n" + text)
        return [program("caddy"), "run", "--config", str(config), "--adapter", "caddyfile"]

    folders = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    visitor = installation.visitor(serve(command, env={**os.environ, **folders}))

    assert "Domain=shop.example" in visitor.check("caddy-click")
    assert visitor.ask("GET", "/")[2] == b"shop"


TRY_WORKER = """
const worker = (await import('./worker.mjs')).default;
const ask = async (method, path, body) => {
  const headers = { 'cf-connecting-ip': '127.0.7.2', 'x-forwarded-for': '203.0.113.9', origin: 'https://shop.example',
    'sec-fetch-site': 'same-origin', 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko Firefox/140.0' };
  const answer = await worker.fetch(new Request('https://shop.example' + path, { method, headers, body }));
  return [answer.status, Object.fromEntries(answer.headers), await answer.text()];
};
const event = { v: 1, t: 'click', k: process.env.KEY, i: 'worker-click', c: 'worker-click', r: 'ANNA' };
console.log(JSON.stringify([
  await ask('GET', '/r/x.js'), await ask('POST', '/r/e', JSON.stringify(event)), await ask('GET', '/r/to/anna?sub1=a'),
]));
"""


def test_cloudflare_worker(installation, block, tmp_path):
    code = block("cloudflare.md", "js").replace("https://molva.shop.example", installation.url)
    (tmp_path / "worker.mjs").write_text(code)
    (tmp_path / "try.mjs").write_text(TRY_WORKER)

    command = [node(), "try.mjs"]
    env = {**os.environ, "KEY": installation.key}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    script, click, link = json.loads(done.stdout)
    assert script[0] == 200
    assert "formdata" in script[2]
    assert (click[0], json.loads(click[2])["c"]) == (200, "worker-click")
    assert click[1]["set-cookie"].startswith("_mv=1.worker-click.ANNA.")
    assert link[0] == 302
    assert link[1]["location"].startswith("https://shop.example/?sub1=a&via=ANNA")
    installation.check_client("worker-click")


@pytest.mark.parametrize(
    ("form_value", "cookie_value", "wanted"),
    [
        ("click", "", {"click_id": "click"}),
        ("", "1.last.ANNA.t1~first.BEN.t0", {"click_id": "last", "visitor_id": "first"}),
        ("click", "1.last.ANNA.t1~first.BEN.t0", {"click_id": "click", "visitor_id": "first"}),
        ("<script>", "nonsense", {}),
        ("x" * 65, "", {}),
    ],
    ids=["form", "cookie", "both", "hostile", "too-long"],
)
def test_ids_of_the_server_page(block, form_value, cookie_value, wanted):
    names: dict = {}
    exec(block("server.md", "python"), names)

    assert names["ids_of"](form_value, cookie_value) == wanted


def test_command_of_the_server_page_reports_a_sale(installation, block):
    env = {**os.environ, "MOLVA": installation.url, "SECRET_KEY": installation.secret_key, "no_proxy": "127.0.0.1"}
    command = ["sh", "-c", block("server.md", "sh")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)

    assert json.loads(done.stdout)["status"] == "received"
    assert installation.list("conversions")[0]["amount"] == 4990
