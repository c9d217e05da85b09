"""The columns that the loader fills itself."""

from __future__ import annotations

VERSION = "_sdc_table_version"
DELETED = "_sdc_deleted_at"
OWN = (
    *("_sdc_extracted_at", "_sdc_received_at", "_sdc_batched_at", DELETED),
    *("_sdc_sequence", VERSION, "_sdc_sync_started_at"),
)
