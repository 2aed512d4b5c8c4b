"""docs/walkthrough.md, run as it is written against all parts, by the shell that its reader has."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from tests.cli.test_dev import Dev, dev, until
from tests.repository import ROOT

__all__ = ["dev"]

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(300)]

PAGE = ROOT / "docs" / "walkthrough.md"


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="needs bash and curl")
def test_the_walkthrough_works_as_it_is_written(dev: Dev, tmp_path: Path) -> None:
    until("all parts", lambda: dev.said("External Sync is running"), 120)
    got: list[dict[str, object]] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api = re.findall(r"http://\S+?:\d+(?=/docs)", dev.output.read_text())[0]
    given = {
        "API": api,
        "KEY": (dev.folder / ".external-sync" / "api-key").read_text().strip(),
        "ALGUNA": f"http://127.0.0.1:{dev.sandboxes}",
        "SALESFORCE": f"http://127.0.0.1:{dev.sandboxes + 1}",
        "RECEIVER": f"http://127.0.0.1:{server.server_port}/hook",
    }
    script = "set -euo pipefail\n" + "\n".join(re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL))
    script += "\necho\nlook /integrations/salesforce/sync-errors?status=open | pick \"['pagination']['totalPages']\"\n"
    script += "\nlook /doctor | pick \"['state']\"\n"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=dev.folder,
        env={**dev.env, **given},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    server.shutdown()
    server.server_close()
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert done.stdout.splitlines()[-2:] == ["0", "warning"], done.stdout[-500:]
    assert {event["type"] for event in got} >= {"sync.completed", "sync.conflict", "sync.error"}
    the_example_is_the_same_in_a_file(dev, api, given["KEY"])


def the_example_is_the_same_in_a_file(dev: Dev, api: str, key: str) -> None:
    """`examples/salesforce.yaml` connects and configures an org from nothing, with credentials of the environment."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        gone = client.delete(f"{api}/integrations/salesforce", headers={"Authorization": f"Bearer {key}"})
        assert gone.status_code == 204, gone.text
        granted = client.get(f"http://127.0.0.1:{dev.sandboxes + 1}/_sandbox/credentials").json()
    variables = ("instanceUrl", "tokenUrl", "clientId", "clientSecret", "refreshToken")
    snake = {name: re.sub("([A-Z])", r"_\1", name).upper() for name in variables}
    dev.env |= {f"SALESFORCE_{snake[name]}": granted[name] for name in variables}
    example = str(ROOT / "examples" / "salesforce.yaml")
    applied = dev.run("config", "apply", "-f", example)
    assert applied.returncode == 0, applied.stderr
    assert "change(s) applied" in applied.stdout
    assert "no change" in dev.run("config", "plan", "-f", example).stdout
    (dev.folder / "exported.yaml").write_text(dev.run("config", "export").stdout)
    assert "no change" in dev.run("config", "plan", "-f", "exported.yaml").stdout, "what is exported is what is stored"
    status = json.loads(dev.run("status", "int_salesforce", "--json").stdout)[0]
    assert status["connection"] == {"alguna": "connected", "external": "connected"}
