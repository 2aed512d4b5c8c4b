"""Pulls Alguna's customers into DuckDB with dlt, one way; run by `benchmarks.against_dlt` in an environment of its own.

Prints the seconds of two pulls, the second one without changes, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator

PAGE = 100


def main(url: str, folder: str) -> None:
    """Pull twice."""
    os.chdir(folder)
    client = RESTClient(
        base_url=url,
        headers={"Alguna-Version": os.environ["ALGUNA_VERSION"]},
        auth=BearerTokenAuth(token=os.environ["ALGUNA_API_KEY"]),
        paginator=OffsetPaginator(limit=PAGE, total_path=None, stop_after_empty_page=True),
        data_selector="data",
    )

    @dlt.resource(name="customers", primary_key="id", write_disposition="merge")  # type: ignore[untyped-decorator]
    def customers() -> Iterator[Any]:
        yield from client.paginate("/customers", params={"sort": "created_at:asc"})

    target = dlt.destinations.duckdb(str(Path(folder) / "customers.duckdb"))
    pipeline = dlt.pipeline("customers", destination=target, dataset_name="alguna", pipelines_dir=folder)
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        pipeline.run(customers())
        seconds.append(time.perf_counter() - started)
    with pipeline.sql_client() as sql, sql.execute_query("SELECT count(*) FROM customers") as rows:
        count = rows.fetchone()[0]
    print(json.dumps({"seconds": seconds, "rows": count}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
