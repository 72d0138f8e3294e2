from __future__ import annotations

import logging

import numpy as np

from cdp_pipeline.identity import load_identity_columns
from cdp_pipeline.identity.blocking import Pairs
from cdp_pipeline.identity.score import compare_pairs, names_of
from cdp_pipeline.identity.work import NODES, prepare_work
from cdp_pipeline_tests.identity.worlds import linked, town, world


def test_the_levels_are_those_splink_computes_for_the_models_settings() -> None:
    from splink import DuckDBAPI, Linker

    con = world(town(60))
    model = linked(con)
    prepare_work(con, load_identity_columns())
    con.execute(
        f"""create temp table some_pairs as
        select l.node_no as left_no, r.node_no as right_no
        from {NODES} as l inner join {NODES} as r on l.node_no < r.node_no
        where l.node_no % 3 = 0"""
    )
    some = con.sql("select * from some_pairs order by all").to_arrow_table()
    pairs = Pairs(some["left_no"].to_numpy(), some["right_no"].to_numpy())
    ours = compare_pairs(con, model.settings, pairs)
    api = DuckDBAPI(con)
    settings = {**model.settings, "retain_matching_columns": True}
    linker = Linker(api.register(NODES), settings, validate_settings=False)
    logging.getLogger("splink").setLevel(logging.ERROR)
    con.execute(
        "create temp view blocked as select '0' as match_key, left_no as join_key_l,"
        " right_no as join_key_r from some_pairs"
    )
    linker.table_management.register_blocked_pairs_for_predict(api.register("blocked"))
    theirs = linker.inference.predict().physical_name
    names = ", ".join(f"gamma_{n}" for n in names_of(model.settings))
    rows = con.sql(f"select {names} from {theirs} order by node_no_l, node_no_r").fetchall()
    assert len(rows) == len(ours) > 1000
    assert np.array_equal(np.array(rows, dtype=np.int8), ours.levels)
