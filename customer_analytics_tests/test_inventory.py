"""What the code location holds, pinned: an asset, check, job, schedule or sensor that comes or goes shows in a review.

`python -m customer_analytics_tests.test_inventory` writes the list anew.
"""

from __future__ import annotations

import json
from pathlib import Path

INVENTORY = Path(__file__).with_name("inventory.json")


def inventory() -> dict[str, list[str]]:
    """The names of everything in the code location, by kind; assets with their group and what they read."""
    from customer_analytics.definitions import definitions

    whole = definitions()
    graph = whole.resolve_asset_graph()
    assets = []
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        parents = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        assets.append(f"{node.group_name}: {key.to_user_string()}{f' <- {parents}' if parents else ''}")
    repository = whole.get_repository_def()
    return {
        "assets": sorted(assets),
        "checks": sorted(f"{key.asset_key.to_user_string()}: {key.name}" for key in graph.asset_check_keys),
        "jobs": sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")),
        "schedules": sorted(schedule.name for schedule in repository.schedule_defs),
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def test_holds_what_the_list_says() -> None:
    expected, actual = json.loads(INVENTORY.read_text(encoding="utf-8")), inventory()
    for kind, names in actual.items():
        gone, new = set(expected[kind]) - set(names), set(names) - set(expected[kind])
        assert not gone | new, (
            f"{kind}: gone {sorted(gone)}, new {sorted(new)}; if that is meant, run "
            "python -m customer_analytics_tests.test_inventory"
        )


def test_every_asset_says_what_it_is() -> None:
    from customer_analytics.definitions import definitions
    from customer_analytics.tables import TABLES

    graph = definitions().resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.description, f"{key.to_user_string()} has no description"
        assert node.owners, f"{key.to_user_string()} has no owner"
        assert node.group_name != "default", f"{key.to_user_string()} is in no group"
        if key.to_user_string() in TABLES:
            assert node.kinds, f"{key.to_user_string()} has no kind"


if __name__ == "__main__":
    INVENTORY.write_text(json.dumps(inventory(), indent=2) + "\n", encoding="utf-8")
