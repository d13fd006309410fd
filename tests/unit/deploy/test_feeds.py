"""The configurations of deploy/feeds that no test can run: read as what they are, with the fields that matter."""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

FEEDS = Path("deploy/feeds")


def read(path: str) -> Any:
    return yaml.safe_load((FEEDS / path).read_text("utf-8"))


def test_redpanda_connect_batches_before_it_groups_and_puts_on_the_dataqueue() -> None:
    """Kind: what is batched at the output can't be grouped any more, and each row would be a message."""
    config = read("redpanda-connect/tagpipe.yaml")
    assert config["output"]["redis_list"]["key"] == "{tagpipe}:data_queue"
    assert config["input"]["broker"]["batching"] == {"count": 5000, "byte_size": 1_000_000, "period": "1s"}
    assert [next(iter(step)) for step in config["pipeline"]["processors"]] == [
        "mapping", "group_by_value", "archive", "mapping",
    ]  # fmt: skip


def test_vector_puts_on_the_dataqueue_and_each_input_is_there() -> None:
    config = read("vector/tagpipe.yaml")
    sink = config["sinks"]["data_queue"]
    assert (sink["key"], sink["data_type"], sink["list_option"]) == (
        "{tagpipe}:data_queue",
        "list",
        {"method": "rpush"},
    )
    known = {*config["sources"], *config["transforms"], "rows.dropped"}
    for step in [*config["transforms"].values(), *config["sinks"].values()]:
        assert set(step["inputs"]) <= known
    for step in config["transforms"].values():
        assert "file" not in step or (FEEDS / "vector" / step["file"]).is_file()
    assert config["transforms"]["polls"]["merge_strategies"]["rows"] == "array"


def test_the_readme_names_each_folder_and_nothing_that_is_not_there() -> None:
    folders = {path.name for path in FEEDS.iterdir() if path.is_dir()}
    rows = [line for line in (FEEDS / "README.md").read_text("utf-8").splitlines() if line.startswith("| `")]
    assert {row.split("/")[0].removeprefix("| `") for row in rows} == folders
