"""dlt's REST source, its extract step alone: `python benchmarks/dlt_source.py URL FOLDER`."""

from __future__ import annotations

import sys

import dlt  # type: ignore[import-not-found]  # in an environment of its own
from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found]


def main() -> None:
    """Extract the model executions into dlt's own files."""
    source = rest_api_source(
        {
            "client": {"base_url": sys.argv[1]},
            "resources": [
                {
                    "name": "model_executions",
                    "primary_key": "id",
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
    pipeline = dlt.pipeline("benchmark", destination="duckdb", pipelines_dir=sys.argv[2])
    pipeline.extract(source)


if __name__ == "__main__":
    main()
