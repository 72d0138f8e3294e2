"""What ``dbt_like_sql/README.md`` tells people to write is what the house accepts."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
import yaml

from cdp_pipeline.sqlmodels import Project, load_project
from cdp_pipeline_tests.sql.given_expect import check_case
from cdp_pipeline_tests.sqlmodels.conftest import LAYERS, Folder, Source, SourceColumn

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "dbt_like_sql" / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    """Return the fenced block of a language that has some text in it."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(textwrap.dedent(text) for text in blocks if containing in text)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    columns = {
        "source": "varchar",
        "order_id": "varchar",
        "customer_id": "varchar",
        "store_id": "varchar",
        "ordered_on": "date",
        "status": "varchar",
        "total_home_amount": "decimal(18,2)",
    }
    orders = Source(
        "profiles.orders", {name: SourceColumn(kind) for name, kind in columns.items()}, ("source",)
    )
    folder = Folder(tmp_path).write(
        {
            "layers.yml": LAYERS,
            "insight/store_loyalty.sql": textwrap.dedent(
                re.findall(r"```sql\n(.*?)```", README, re.DOTALL)[0]
            ),
            "insight/_tables.yml": block("yaml", "order_count > 0"),
        }
    )
    return load_project(folder.root, folder.root, [orders])


def test_the_first_table_compiles_and_its_test_case_holds(project: Project) -> None:
    check_case(project, "insight.store_loyalty", yaml.safe_load(block("yaml", "given:")))


def test_the_first_table_keeps_the_style(project: Project) -> None:
    import sqlfluff

    path = project.tables["insight.store_loyalty"].file
    found = sqlfluff.lint(
        path.read_text(encoding="utf-8"), config_path=str(REPOSITORY / ".sqlfluff")
    )
    assert [(breach["code"], breach["start_line_no"]) for breach in found] == []


def test_every_house_rule_is_listed() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in (REPOSITORY / "cdp_pipeline" / "sqlmodels").glob("*.py")
    )
    table = README.split("## House rules")[1]
    rules = re.findall(r'_problems\(model, "(\w+)"', code)
    rules += re.findall(r'^    "(\w+)": _\w+,$', code, re.MULTILINE)
    assert len(rules) >= 12
    for rule in rules:
        assert f"`{rule}`" in table, rule
