from __future__ import annotations

from pathlib import Path

import pytest

from cdp_pipeline.ingest.contracts import load_contracts
from cdp_pipeline.sqlmodels import Project, load_project
from cdp_pipeline_tests.sql.given_expect import check_case, read_case

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
CASES = sorted(HERE.glob("*/*/*.yml"))


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = REPOSITORY / "dbt_like_sql"
    cache = tmp_path_factory.mktemp("compiled")
    return load_project(root, root, load_contracts(root / "sources"), cache=cache)


@pytest.mark.parametrize(
    "path", CASES, ids=[path.relative_to(HERE).with_suffix("").as_posix() for path in CASES]
)
def test_the_model_gives_what_the_case_expects(project: Project, path: Path) -> None:
    table = f"{path.parent.parent.name}.{path.parent.name}"
    check_case(project, table, read_case(path))
