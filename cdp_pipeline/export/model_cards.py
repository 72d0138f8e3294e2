"""Model cards as a table: what each stored model was made from and how good it is.

A model card (Mitchell et al. 2019, "Model Cards for Model Reporting", FAT*) is kept as JSON beside
the model; here it becomes rows that an analyst can filter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from cdp_pipeline.warehouse.engine import Connection

_SCHEMA = pa.schema(
    [
        ("model_name", pa.string()),
        ("model_version", pa.string()),
        ("section", pa.string()),
        ("item", pa.string()),
        ("value_number", pa.float64()),
        ("value_text", pa.string()),
    ]
)


def model_cards(con: Connection, models: Sequence[str]) -> dict[str, str]:
    """Flatten the cards of the stored models.

    Parameters
    ----------
    con : Connection
        Sees the models' tables, each one row with ``model_name``, ``model_version`` and ``card``.
    models : sequence of str
        Those tables.

    Returns
    -------
    dict
        ``export.model_cards``.
    """
    rows: list[dict[str, Any]] = []
    for model in models:
        for name, version, card in con.sql(
            f"select model_name, model_version, card from {model} order by all"
        ).fetchall():
            for section, content in json.loads(card).items():
                for item, value in _flatten(content):
                    number = value if isinstance(value, int | float) else None
                    rows.append(
                        {
                            "model_name": name,
                            "model_version": version,
                            "section": section,
                            "item": item,
                            "value_number": None if number is None else round(float(number), 6),
                            "value_text": _text(value),
                        }
                    )
    con.register("model_card_rows", pa.Table.from_pylist(rows, _SCHEMA))
    return {"export.model_cards": "model_card_rows"}


def _flatten(content: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf of nested JSON with its path, as ``metrics.auc`` or ``reasons.1``."""
    if isinstance(content, dict):
        pairs: list[tuple[str, Any]] = [(str(key), value) for key, value in content.items()]
    elif isinstance(content, list):
        pairs = [(str(number), value) for number, value in enumerate(content, start=1)]
    else:
        yield path or "value", content
        return
    for key, value in pairs:
        yield from _flatten(value, f"{path}.{key}" if path else key)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)
