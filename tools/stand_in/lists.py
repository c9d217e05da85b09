"""Made-up rows of the lists that have no history: a new list needs no other file here."""

from __future__ import annotations

from typing import Any

_VARIABLE = {"is_sensitive": False, "mount_as_file": False, "value": "made up: eu-west-1"}

# In each project, where an `id` gets the project's behind it.
OF_PROJECTS: dict[str, list[dict[str, Any]]] = {}

OF_ORGANIZATION: dict[str, list[dict[str, Any]]] = {
    "members": [
        {
            "id": f"user_{number}",
            "email": f"{role}@example.com",
            "name": f"The {role}",
            "picture": f"https://pictures.example.com/{role}",
            "role": role,
            "last_login_at": "2026-02-27T16:20:00Z" if number else None,
        }
        for number, role in enumerate(("owner", "admin", "developer", "reader"))
    ],
    "invitations": [{"id": "invitation_0", "email": "new@example.com", "role": "reader"}],
    "protections": [
        {"id": "ep_0", "environment_name": "prod", "enabled": True, "created_by": "user_0"}
    ],
    "environment_variables": [
        {**_VARIABLE, "name": "AWS_REGION"},
        {
            **_VARIABLE,
            "name": "WAREHOUSE_KEY",
            "is_sensitive": True,
            "mount_as_file": True,
            "file_mount_path": "/etc/warehouse/key.pem",
            "file_permissions": 384,
        },
    ],
}
