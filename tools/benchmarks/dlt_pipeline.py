"""dlt's REST source, the whole pipeline into DuckDB.

`python benchmarks/dlt_pipeline.py URL FOLDER upsert|replace` fills `FOLDER/warehouse.duckdb`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dlt  # type: ignore[import-not-found]  # in an environment of its own
from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found]

DISPOSITIONS = {
    # The newest row of each id, whatever is there: what a second sync needs, and what the tap does.
    "upsert": {"disposition": "merge", "strategy": "upsert"},
    # The quickest: the table is made anew, and nothing is compared.
    "replace": {"disposition": "replace"},
}


def main() -> None:
    """Read the model executions, and load them."""
    url, folder, how = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    source = rest_api_source(
        {
            "client": {"base_url": url},
            "resources": [
                {
                    "name": "model_executions",
                    "primary_key": "id",
                    "write_disposition": DISPOSITIONS[how],
                    "endpoint": {
                        "path": "projects/proj_bench/model-executions",
                        "params": {"limit": 500},
                        "data_selector": "executions",
                        "paginator": {
                            "type": "page_number",
                            "base_page": 1,
                            "total_path": "total_pages",
                        },
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "benchmark",
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="benchmark",
        pipelines_dir=str(folder),
    )
    # The fastest of the formats that dlt loads DuckDB from.
    pipeline.run(source, loader_file_format="parquet")


if __name__ == "__main__":
    main()
