"""The few pages for people: one look for all, nothing from elsewhere, no scripts but those of the API documentation."""

from __future__ import annotations

import html
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

ASSETS = "/docs/assets"

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--paper:#fff;--ground:#f3f5f8;--line:#dde2e9;--link:#1f5fbf;
--good:#17714a;--bad:#a8321f}
@media (prefers-color-scheme:dark){:root{--ink:#e8ecf2;--soft:#9aa6b6;--paper:#1b212b;--ground:#12161d;--line:#2d3643;
--link:#7db2ff;--good:#5fd39b;--bad:#ff8f7d}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:44rem;margin:8vh auto;padding:2rem 2.25rem;background:var(--paper);border:1px solid var(--line);
border-radius:14px}
h1{margin:0 0 .25rem;font-size:1.6rem;letter-spacing:-.01em}
h2{margin:2rem 0 .5rem;font-size:1rem;color:var(--soft);font-weight:600}
p{margin:.5rem 0}.soft{color:var(--soft)}
a{color:var(--link)}
ul{list-style:none;margin:0;padding:0}
li{display:flex;gap:1rem;justify-content:space-between;padding:.6rem 0;border-top:1px solid var(--line)}
li span{color:var(--soft);text-align:right}
.good{color:var(--good)}.bad{color:var(--bad)}
code{font:.9em ui-monospace,Menlo,Consolas,monospace;background:var(--ground);padding:.1em .35em;border-radius:5px}
@media (max-width:40rem){main{margin:0;border:0;border-radius:0;padding:1.5rem}li{display:block}li span{display:block;
text-align:left}}
"""

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title><link rel="icon" href="data:,"><style>{style}</style></head>
<body><main>
{body}
</main></body>
</html>
"""


def message(title: str, text: str, status: int) -> HTMLResponse:
    """Return a page that says one thing. The address may have held a code: no other page is to learn of it."""
    body = f"<h1>{html.escape(title)}</h1>\n<p>{html.escape(text)}</p>"
    headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return HTMLResponse(_page(title, body), status, headers=headers)


def status(checks: Mapping[str, str], version: str, temporal_url: str) -> HTMLResponse:
    """Return the page of the bare address: whether the service is up, and where to go on."""
    ready = set(checks.values()) == {"ok"}
    said, kind = ("ready", "good") if ready else ("not ready yet", "bad")
    rows = [
        _row(html.escape(name), html.escape(state), "good" if state == "ok" else "bad")
        for name, state in checks.items()
    ]
    links = [
        _row('<a href="/docs">API documentation</a>', 'every call, to try out; <a href="/openapi.json">OpenAPI</a>'),
        _row(f'<a href="{html.escape(temporal_url)}">Temporal Web</a>', "runs, schedules, what waits for a person"),
        _row('<a href="/readyz">Readiness</a>', 'for load balancers; <a href="/healthz">health</a>'),
    ]
    body = f"""<h1>External Sync</h1>
<p>The API is <strong class="{kind}">{said}</strong>. <span class="soft">Version {html.escape(version)}</span></p>
<ul>{"".join(rows)}</ul>
<h2>Where to go on</h2>
<ul>{"".join(links)}</ul>
<h2>On the command line</h2>
<p><code>external-sync status</code> shows every integration, <code>external-sync doctor</code> what is wrong and how to
mend it.</p>"""
    return HTMLResponse(_page("External Sync", body))


def documentation(title: str, openapi_url: str) -> HTMLResponse:
    """Return the page that shows the OpenAPI document, from files of this installation alone."""
    return get_swagger_ui_html(
        openapi_url=openapi_url,
        title=title,
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url="data:,",
        swagger_ui_parameters={"docExpansion": "list", "persistAuthorization": True, "displayRequestDuration": True},
    )


def assets() -> StaticFiles:
    """Return what serves the scripts and styles of the documentation."""
    return StaticFiles(directory=Path(str(resources.files("fastapi_offline"))) / "static")


def _page(title: str, body: str) -> str:
    return _PAGE.format(title=html.escape(title), style=_STYLE, body=body)


def _row(name: str, said: str, kind: str = "") -> str:
    return f'<li>{name}<span class="{kind}">{said}</span></li>'
