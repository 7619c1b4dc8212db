"""What an asset shows in Dagster's UI."""

import dagster as dg

from wm_pipeline.defs.metadata import columns_of, shown
from wm_pipeline.domain.tables import TABLES
from wm_pipeline.rounds.workspace import StageOutput


def test_links_lead_to_pages_and_name_files() -> None:
    links = {"mlflow_run": "http://127.0.0.1:5500/#/experiments/1/runs/a", "report": "/data/reports/report.html"}

    found = shown(StageOutput("s3://lake/x", 1, {"reason": "words"}, links=links))

    assert found["mlflow_run"] == dg.MetadataValue.url(links["mlflow_run"])
    assert found["report"] == dg.MetadataValue.path(links["report"])
    assert found["reason"] == dg.MetadataValue.text("words")


def test_all_plots_are_one_entry_near_the_top() -> None:
    plots = {"loss_curves": b"first", "heat_map": b"second"}

    found = shown(StageOutput("address", 1, {"auroc": 0.9}), plots=plots)

    assert list(found)[:3] == ["dagster/row_count", "path", "plots"]
    text = found["plots"].md_str
    assert text.index("**loss curves**\n\n![loss_curves](data:image/png;base64,") < text.index("**heat map**")


def test_an_assets_columns_are_where_dagster_looks_for_them() -> None:
    columns = {column.name: column for column in columns_of("sft_dataset")["dagster/column_schema"].columns}

    assert list(columns) == TABLES["sft_dataset"].column_names()
    assert [columns[name].type for name in ("rationale", "risk_score", "action")] == [
        "list[string]",
        "float64",
        "struct",
    ]
    assert columns["step_index"].constraints == dg.TableColumnConstraints(nullable=False, other=["part of the key"])
    assert columns["attack_family"].constraints.nullable
