"""Runs in `.venv-netsuite`: the PyPI client `netsuite`, unchanged, told over standard input what to call.

One JSON object a line comes in (`method`, `args`, `kwargs`), and one goes out: `result`, or `error` with `status` and
`text`. Several calls at once: `{"method": "gather", "args": [...]}`. A response is told as status, headers, text.
"""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from typing import Any

warnings.simplefilter("ignore")  # what old libraries say of each other is not what is tried here

from netsuite import Config, NetSuiteRestApi, TokenAuth  # noqa: E402
from netsuite.exceptions import NetsuiteAPIRequestError  # noqa: E402


def local_api(base_url: str, config: Config) -> Any:
    """The client with the sandbox's address in place of `https://{account}.suitetalk.api.netsuite.com`."""
    api = NetSuiteRestApi(config, concurrent_requests=20)
    api._make_url = lambda subpath: f"{base_url}/services/rest{subpath}"
    return api


async def answer(api: Any, call: dict[str, Any]) -> dict[str, Any]:
    """The outcome of one call of the client."""
    if call["method"] == "gather":
        return {"result": await asyncio.gather(*(answer(api, one) for one in call["args"]))}
    try:
        result = await getattr(api, call["method"])(*call["args"], **call["kwargs"])
    except NetsuiteAPIRequestError as error:
        return {"error": {"status": error.status_code, "text": error.response_text}}
    if hasattr(result, "status_code"):
        result = {"status": result.status_code, "headers": dict(result.headers), "text": result.text}
    return {"result": result}


async def main() -> None:
    """Serve until the input ends."""
    opened = json.loads(sys.stdin.readline())
    api = local_api(opened["url"], Config(account=opened["account"], auth=TokenAuth(**opened["auth"])))
    for line in iter(sys.stdin.readline, ""):
        print(json.dumps(await answer(api, json.loads(line))), flush=True)


asyncio.run(main())
