"""Prints the page of metrics of a gateway that has all it can have: a Redis, an issuer whose keys are fetched, a collector; and
that has answered, missed and refused. Everything is on loopback, and ends with this.

    page.py SLUICE
"""

import contextlib
import http.server
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

CONFIGURATION = """
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
drain = "0s"
[upstream]
endpoint = "{upstream}"
access_key_id = "AKLT-of-the-page"
secret_access_key = "secret-of-the-page"
[budget]
redis_url = "redis://127.0.0.1:{redis}"
[audit]
file = "audit.jsonl"
[telemetry]
otlp_endpoint = "{beside}"
[[issuers]]
issuer = "https://sso.test"
audiences = ["sluice"]
algorithms = ["ES256"]
jwks_url = "{beside}/jwks.json"
signing_key_file = "private.pem"
[[tenants]]
id = "red"
apps = [{{ name = "classroom", app_id = "661e0000000000000000" }}]
"""
IN_TIME = 30


class Beside(http.server.BaseHTTPRequestHandler):
    """An issuer's keys, and a collector that takes everything."""

    keys = b""

    def do_GET(self):
        self.reply(self.keys)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.reply(b"{}")

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(what, happens):
    deadline = time.monotonic() + IN_TIME
    while time.monotonic() < deadline:
        if told := happens():
            return told
        time.sleep(0.05)
    sys.exit(f"page: not in {IN_TIME} s: {what}")


def answers(url, token=None):
    """The status and the body of an answer, or nothing where nobody answers."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=IN_TIME) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except OSError:
        return None


def serving(said):
    """The addresses of the two listeners, from the log."""
    for line in said.read_text().splitlines():
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if told.get("message") == "serving":
                return f"http://{told['listen']}", f"http://{told['admin_listen']}"
    return None


def page(sluice, scratch, running):
    def start(name, *command):
        said = scratch / f"{name}.log"
        process = subprocess.Popen(command, stdout=said.open("w"), stderr=subprocess.STDOUT, cwd=scratch)
        running.callback(process.wait)
        running.callback(process.terminate)
        return said

    subprocess.run([sluice, "keygen", "--out", scratch], check=True, stdout=subprocess.DEVNULL)
    Beside.keys = (scratch / "jwks.json").read_bytes()
    beside = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Beside)
    threading.Thread(target=beside.serve_forever, daemon=True).start()
    redis, simulator = free_port(), free_port()
    start("redis", "redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", "")
    keys = ["--access-key-id", "AKLT-of-the-page", "--secret-access-key", "secret-of-the-page"]
    start("simulator", sluice, "simulate", "--listen", f"127.0.0.1:{simulator}", *keys)
    places = {"upstream": f"http://127.0.0.1:{simulator}", "redis": redis, "beside": f"http://127.0.0.1:{beside.server_port}"}
    config = scratch / "sluice.toml"
    config.write_text(CONFIGURATION.format(**places))
    said = start("gateway", sluice, "serve", "--config", config)
    public, admin = until("the gateway serves", lambda: serving(said))
    until("the gateway is ready", lambda: (answers(f"{admin}/readyz") or [0])[0] == 200)
    token = subprocess.run(
        [sluice, "token", "--config", config, "--tenant", "red"], check=True, capture_output=True, text=True
    ).stdout.strip()
    ask = f"{public}/apps/classroom/distribution?dim=province&from=now-24h&to=now"
    for url, status in [(ask, 200), (ask, 200), (f"{ask}&dim=city", 400), (f"{public}/nowhere", 404)]:
        got = answers(url, token)
        if got is None or got[0] != status:
            sys.exit(f"page: {url} was to be answered with {status}: {got}\n{said.read_text()}")
    return answers(f"{admin}/metrics")[1]


def main():
    sluice = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as running:
        print(page(sluice, pathlib.Path(scratch), running), end="")


main()
