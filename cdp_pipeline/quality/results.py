"""What came of a rule: counts and words, never a value from the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cdp_pipeline.sqlmodels.tables import Severity


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What came of one rule.

    Parameters
    ----------
    rule : str
        The rule as a sentence.
    severity : {'block', 'warn'}
    passed : bool
    failing_count : int
        Rows that break the rule.
    total_count : int
        Rows that were looked at.
    why : str
        Why the rule is there, as declared.
    """

    rule: str
    severity: Severity
    passed: bool
    failing_count: int
    total_count: int
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "passed": self.passed,
            "failing_count": self.failing_count,
            "total_count": self.total_count,
            "why": self.why,
        }


def with_trend(
    results: Iterable[RuleResult], before: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, Any], ...]:
    """Return results as plain values, each with the rows that failed the last time.

    Parameters
    ----------
    results : iterable of RuleResult
    before : iterable of mapping
        The plain results of the table's version before; ``failing_before`` is None for a rule
        that was not among them.
    """
    failed = {check["rule"]: check["failing_count"] for check in before}
    return tuple({**r.as_dict(), "failing_before": failed.get(r.rule)} for r in results)
