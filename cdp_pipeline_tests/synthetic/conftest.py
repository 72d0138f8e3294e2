"""One small company for all tests here, and the committed copy."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from cdp_pipeline.synthetic import CompanySummary, write_company

DEMO = Path(__file__).parents[2] / "data" / "demo"


@dataclass(frozen=True)
class Company:
    landing: Path
    truth: Path
    summary: CompanySummary

    def rows(self, query: str) -> list[tuple]:
        """Run a query in which {landing} and {truth} stand for the folders."""
        connection = duckdb.connect()
        try:
            filled = query.format(landing=self.landing, truth=self.truth)
            return connection.sql(filled).fetchall()
        finally:
            connection.close()


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder = tmp_path_factory.mktemp("a company")
    landing, truth = folder / "landing", folder / "truth"
    return Company(landing, truth, write_company(landing, truth, people=1_000, seed=3))


@pytest.fixture
def demo() -> Path:
    return DEMO
