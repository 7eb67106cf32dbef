"""Tables of trained models: what is read, which columns are meant, and what is refused rather than guessed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sonde.errors import BadInput, WrongUse
from sonde.scaling_laws.curve_columns import (
    CurveColumns,
    compositions,
    curve_of,
    grid_of,
    group_curves,
    has_grid,
    largest_model,
    values_of,
)
from sonde.scaling_laws.curve_table import CurveTable, read_table

X = [100, 200, 400, 100, 200, 400]
LOSS = [0.5, 0.4, 0.3, 0.52, 0.39, 0.31]
SEED = [0, 0, 0, 1, 1, 1]


def csv(folder: Path, text: str, name: str = "curve.csv") -> CurveTable:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def columns(folder: Path, content: object, suffix: str) -> CurveTable:
    path = folder / f"curve{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.table(content), path)
    else:
        path.write_text(json.dumps(content), encoding="utf-8")
    return read_table(path)


ROWS = [{"n_frames": x, "loss": y, "seed": s} for x, y, s in zip(X, LOSS, SEED, strict=True)]
FORMS: Mapping[str, tuple[str, Any]] = {
    "records": (".json", ROWS),
    "columns": (".json", {"n_frames": X, "loss": LOSS, "seed": SEED}),
    "parquet": (".parquet", {"n_frames": X, "loss": LOSS, "seed": SEED}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_curve(form: str, tmp_path: Path) -> None:
    suffix, content = FORMS[form]
    curve = curve_of(columns(tmp_path, content, suffix), CurveColumns())
    assert (curve.x.tolist(), curve.loss.tolist()) == (X, LOSS)
    assert curve.names == ("n_frames", "loss")
    assert len(set(curve.seed or ())) == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_with_any_delimiter_byte_order_mark_and_blank_lines(delimiter: str, tmp_path: Path) -> None:
    lines = ["N_train,RMSE,Seed", "100,0.5,a", "", "200,0.4,a", "400,0.3,a", " , , "]
    curve = curve_of(csv(tmp_path, "\ufeff" + "\n".join(lines).replace(",", delimiter)), CurveColumns())
    assert (curve.names, curve.x.tolist(), curve.seed) == (("N_train", "RMSE"), [100, 200, 400], ("a", "a", "a"))


def test_nested_json_becomes_path_and_key(tmp_path: Path) -> None:
    nested = {"data": {"a": {"100": [{"loss": 1.0}], "20": [{"loss": 2.0}, {"loss": 2.1}], "400": [{"loss": 0.5}]}}}
    table = columns(tmp_path, nested, ".json")
    curve = curve_of(table, CurveColumns())
    assert table.columns["path"] == ("data/a",) * 4
    assert curve.x.tolist() == [100, 20, 20, 400]


def test_the_published_results_read_without_help(shared_data: Path) -> None:
    table = read_table(shared_data / "scaling" / "optimetal" / "scaling_results.json")
    assert len(table) == 147
    with pytest.raises(WrongUse, match="several curves, told apart by path: choose one with --where path="):
        curve_of(table, CurveColumns())
    curve = curve_of(table, CurveColumns(where=(("path", "data/3b"),)))
    assert curve.names == ("key", "val_loss")
    assert sorted(set(curve.x.tolist())) == [2500 * 2**k for k in range(7)]
    assert len(curve.x) == 21
    assert len(values_of(table, "path", CurveColumns())) == 7


def test_rows_of_several_curves_are_told_apart(shared_data: Path) -> None:
    table = read_table(shared_data / "scaling" / "data_efficiency" / "mace_learning.csv")
    with pytest.raises(WrongUse, match="may be the loss: --loss e, --loss f"):
        curve_of(table, CurveColumns())
    with pytest.raises(WrongUse, match="told apart by model: choose one with --where model=v2-base"):
        curve_of(table, CurveColumns(loss="f"))
    assert len(curve_of(table, CurveColumns(loss="f", where=(("model", "v1_l0"),))).x) == 5


def test_repeats_without_a_seed_are_one_curve(tmp_path: Path) -> None:
    curve = curve_of(csv(tmp_path, "n,loss\n100,0.5\n100,0.52\n200,0.4\n400,0.3\n"), CurveColumns())
    assert curve.x.tolist() == [100, 100, 200, 400]
    assert curve.seed is None


def test_names_of_machines_do_not_make_curves_where_seeds_tell_runs_apart(tmp_path: Path) -> None:
    text = "n,loss,seed,machine\n100,.5,0,a\n100,.52,1,b\n200,.4,0,b\n200,.41,1,a\n400,.3,0,a\n400,.31,1,b\n"
    assert len(curve_of(csv(tmp_path, text), CurveColumns()).x) == 6


def test_conditions_and_the_smallest_size_choose_rows(tmp_path: Path) -> None:
    text = "model,n,loss\nbig,100,.5\nbig,200,.4\nbig,400,.3\nbig,800,.2\nsmall,100,.9\nsmall,200,.8\n"
    table = csv(tmp_path, text)
    assert curve_of(table, CurveColumns(where=(("model", "big"),), smallest=200)).x.tolist() == [200, 400, 800]
    both = CurveColumns("n", "loss", where=(("model", "big"), ("n", "200")))
    assert curve_of(table, both).x.tolist() == [200]
    with pytest.raises(WrongUse, match=r"No row of .*has model=bgi; model holds big, small"):
        curve_of(table, CurveColumns(where=(("model", "bgi"),)))


def test_rows_without_a_number_are_left_out_and_named(tmp_path: Path) -> None:
    curve = curve_of(csv(tmp_path, "n,loss\n100,0.5\n200,\n400,0.3\n,0.2\n"), CurveColumns())
    assert (curve.x.tolist(), curve.left_out) == ([100, 400], ("line 3", "line 5"))


@pytest.mark.parametrize("cell", ["nan", "-0.1", "0", "inf", "0,4", "n/a"])
def test_numbers_that_have_no_logarithm_are_refused_with_their_line(cell: str, tmp_path: Path) -> None:
    table = csv(tmp_path, f"n;loss\n100;0.5\n200;{cell}\n400;0.3\n")
    with pytest.raises(BadInput, match=r"line 3: loss is .*\n  (Laws are fitted|Mend it)"):
        curve_of(table, CurveColumns("n", "loss"))


BROKEN: Mapping[str, tuple[str, bytes, str]] = {
    "other format": ("x.xlsx", b"PK", "no table ends in '.xlsx'"),
    "empty": ("x.csv", b"", "has no rows"),
    "header only": ("x.csv", b"n,loss\n", "has no rows"),
    "binary": ("x.csv", b"n,loss\n1,\xff\xfe\n", "byte .*not UTF-8"),
    "long row": ("x.csv", b"n,loss\n1,2\n1,2,3\n", "line 3: 3 cells where the header names 2"),
    "same names": ("x.csv", b"n,n\n1,2\n", "two columns are called 'n'"),
    "open quote": ("x.csv", b'n,loss\n1,"2\n', "Mend the quotes"),
    "no json": ("x.json", b"{", "no JSON"),
    "a number": ("x.json", b"3", "neither a record nor a list"),
    "deep json": ("x.json", b"[" * 100_000, "no JSON"),
    "deep objects": ("x.json", b'{"a":' * 50 + b"[{}]" + b"}" * 50, "neither a record nor a list"),
    "mixed list": ("x.json", b'[{"n": 1}, 2]', "neither a record nor a list"),
    "ragged columns": ("x.json", b'{"n": [1, 2], "loss": [1]}', "columns differ in length"),
    "a record of sonde": ("x.json", b'{"schema": "sonde.scaling_curve/1"}', "a record of sonde"),
    "no parquet": ("x.parquet", b"PAR1", "no readable Parquet"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused(name: str, tmp_path: Path) -> None:
    file, content, told = BROKEN[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(BadInput, match=told):
        read_table(tmp_path / file)


def test_numbers_beyond_floats_are_refused_where_they_are_used(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"n": 1, "loss": ' + "9" * 400 + '}, {"n": 2, "loss": 1}, {"n": 3, "loss": 1}]')
    with pytest.raises(BadInput, match="record 1: loss is inf"):
        curve_of(read_table(tmp_path / "x.json"), CurveColumns("n", "loss"))


def test_a_missing_file_and_a_missing_column(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        read_table(tmp_path / "x.csv")
    with pytest.raises(WrongUse, match="has no column 'lss'; it has n, loss"):
        curve_of(csv(tmp_path, "n,loss\n1,2\n2,1\n"), CurveColumns(loss="lss"))
    with pytest.raises(WrongUse, match=r"Which column of .* is the size.*--x budget"):
        curve_of(csv(tmp_path, "budget,loss\n1,2\n2,1\n"), CurveColumns())


def own_table(folder: Path) -> CurveTable:
    """A table as `sonde scaling measure` writes it: three models of either of three sizes, two groups."""
    lines = ["group,n_frames,n_group_frames,n_parameters,seed,force_rmse_eV_per_A,converged"]
    for n in (100, 200, 400):
        for p in (10, 40, 160):
            whole = 1 / n + 1 / p
            lines += [f"all,{n},{n},{p},0,{whole},True", f"slab,{n},{n // 4},{p},0,{2 * whole},True"]
            lines += [f"bulk,{n},{3 * n // 4},{p},0,{whole / 2},False"]
    return csv(folder, "\n".join(lines))


def test_own_tables_give_all_frames_groups_and_a_grid(tmp_path: Path) -> None:
    table = own_table(tmp_path)
    with pytest.raises(
        WrongUse, match=r"may be the size: --x n_frames, --x n_parameters\. For a law in both, use fit2d"
    ):
        curve_of(table, CurveColumns())
    one = curve_of(table, CurveColumns(where=(("n_parameters", "40"),)))
    assert one.loss.tolist() == pytest.approx([1 / n + 1 / 40 for n in (100, 200, 400)])
    assert one.converged == (True, True, True)
    grid = grid_of(table, CurveColumns(), None, None)
    assert has_grid(table, CurveColumns())
    assert (len(grid.N), sorted(set(grid.N)), sorted(set(grid.D))) == (9, [10, 40, 160], [100, 200, 400])
    assert largest_model(table, CurveColumns()).loss.tolist() == pytest.approx(
        [1 / n + 1 / 160 for n in (100, 200, 400)]
    )


def test_groups_come_with_the_overall_loss_of_the_same_model(tmp_path: Path) -> None:
    slab, bulk = group_curves(own_table(tmp_path), CurveColumns())
    assert (slab.group, bulk.group) == ("slab", "bulk")
    assert slab.n_frames.tolist() == [25, 25, 25, 50, 50, 50, 100, 100, 100]
    np.testing.assert_allclose(slab.loss, 2 * slab.overall)
    assert {one.size: dict(one.counts) for one in compositions(own_table(tmp_path), CurveColumns())} == {
        100: {"slab": 25, "bulk": 75},
        200: {"slab": 50, "bulk": 150},
        400: {"slab": 100, "bulk": 300},
    }


def test_a_column_of_labels_tells_no_curves_apart(tmp_path: Path) -> None:
    table = csv(tmp_path, "run,n,loss\na,1,3\nb,2,2\nc,3,1\nd,4,1\n")
    with pytest.raises(WrongUse, match="'run' has another value in almost every row"):
        values_of(table, "run", CurveColumns())


def test_a_run_written_down_twice_counts_once_and_is_named(tmp_path: Path) -> None:
    rows = [f"{x},{y},{s}" for x, y, s in zip(X, LOSS, SEED, strict=True)]
    curve = curve_of(csv(tmp_path, "\n".join(["n,loss,seed", *rows, rows[1], rows[1]])), CurveColumns())
    assert curve.x.tolist() == X
    assert curve.repeated == ("line 8", "line 9")
    # Without a column of seeds two runs of equal loss may be two seeds.
    again = curve_of(csv(tmp_path, "n,loss\n100,0.5\n100,0.5\n200,0.4\n400,0.3"), CurveColumns())
    assert (len(again.x), again.repeated) == (4, ())


def test_a_column_called_loss_is_the_loss_whatever_is_in_it(tmp_path: Path) -> None:
    equal = curve_of(csv(tmp_path, "n,loss\n100,0.5\n200,0.5\n400,0.5"), CurveColumns())
    assert equal.loss.tolist() == [0.5, 0.5, 0.5]
    with pytest.raises(BadInput, match="line 3: loss is 'oops', not a number"):
        curve_of(csv(tmp_path, "n,loss\n100,0.5\n200,oops\n400,0.5"), CurveColumns())
