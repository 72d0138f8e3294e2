"""Great Expectations, imported the one way this package wants it.

Belongs here: nothing is sent anywhere, nothing is drawn on the terminal, and nothing the library
logs reaches a log: its messages quote the engine's, which quote values. Importing this module
takes a second, so it is imported by what runs rules or renders their results and by nothing that
is loaded with the definitions.
"""

from __future__ import annotations

import logging
import os
import warnings

os.environ["GX_ANALYTICS_ENABLED"] = "false"
_captures_warnings = warnings.showwarning.__module__ == "logging"

import sqlalchemy as sa  # noqa: E402  the library reads the environment when it is imported
from great_expectations import ExpectationSuite  # noqa: E402
from great_expectations import expectations as gxe  # noqa: E402
from great_expectations.core.expectation_validation_result import (  # noqa: E402
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.core.metric_domain_types import MetricDomainTypes  # noqa: E402
from great_expectations.core.metric_function_types import (  # noqa: E402
    MetricPartialFunctionTypes,
)
from great_expectations.exceptions import MetricResolutionError  # noqa: E402
from great_expectations.execution_engine import SqlAlchemyExecutionEngine  # noqa: E402
from great_expectations.execution_engine.sqlalchemy_batch_data import (  # noqa: E402
    SqlAlchemyBatchData,
)
from great_expectations.expectations.expectation import (  # noqa: E402
    BatchExpectation,
    ColumnMapExpectation,
    Expectation,
)
from great_expectations.expectations.metrics.map_metric_provider import (  # noqa: E402
    ColumnMapMetricProvider,
    column_condition_partial,
)
from great_expectations.expectations.metrics.metric_provider import (  # noqa: E402
    metric_partial,
    metric_value,
)
from great_expectations.expectations.metrics.table_metric_provider import (  # noqa: E402
    TableMetricProvider,
)
from great_expectations.render import (  # noqa: E402
    RenderedDocumentContent,
    RenderedSectionContent,
    RenderedStringTemplateContent,
    RenderedTableContent,
)
from great_expectations.render.view.view import DefaultJinjaView  # noqa: E402
from great_expectations.validator.metrics_calculator import MetricsCalculator  # noqa: E402

# Importing the library sends every warning of this process to the log.
logging.captureWarnings(_captures_warnings)
_log = logging.getLogger("great_expectations")
_log.addHandler(logging.NullHandler())
_log.setLevel(logging.CRITICAL + 1)
_log.propagate = False

__all__ = [
    "BatchExpectation",
    "ColumnMapExpectation",
    "ColumnMapMetricProvider",
    "DefaultJinjaView",
    "Expectation",
    "ExpectationSuite",
    "ExpectationSuiteValidationResult",
    "ExpectationValidationResult",
    "MetricDomainTypes",
    "MetricPartialFunctionTypes",
    "MetricResolutionError",
    "MetricsCalculator",
    "RenderedDocumentContent",
    "RenderedSectionContent",
    "RenderedStringTemplateContent",
    "RenderedTableContent",
    "SqlAlchemyBatchData",
    "SqlAlchemyExecutionEngine",
    "TableMetricProvider",
    "column_condition_partial",
    "gxe",
    "metric_partial",
    "metric_value",
    "sa",
]
