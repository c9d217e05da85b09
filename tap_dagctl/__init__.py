"""Singer tap for dagctl, the hosted platform that runs SQLMesh and dbt projects."""
