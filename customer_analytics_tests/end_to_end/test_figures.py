"""The command line's figures, cell by cell, against the reference: from hostile files to the exported tables."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest

from customer_analytics_tests.end_to_end.hostile import Business, Rejected
from customer_analytics_tests.end_to_end.reference import Row, Tables, differences, figures

BUILT = ("CUSTOMERS", "ORDERS", "CUSTOMER_REVENUE_BY_MONTH", "CUSTOMER_CHURN_MONTH", "MRR", "ATTRIBUTION_TOUCHES")
BUILT += ("CPA_AND_ROAS", "PRES_AD_SPEND")


def command(home: Path, sources: Path, as_of: dt.date, *words: str, **more: str) -> str:
    """Run `customer-analytics` as a user would; what it printed. It must succeed."""
    settings = {"CUSTOMER_ANALYTICS_HOME": str(home), "SOURCE_URI": str(sources), "AS_OF": str(as_of)} | more
    program = "import sys; from customer_analytics.cli import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words], env=os.environ | settings, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def exported(home: Path, out: Path, sources: Path, as_of: dt.date) -> Tables:
    import pyarrow.parquet as pq

    command(home, sources, as_of, "export", str(out))
    return {
        path.stem: [{k.lower(): v for k, v in row.items()} for row in pq.read_table(path).to_pylist()]
        for path in out.glob("*.parquet")
    }


def rejected_differences(expected: dict[str, list[Rejected]], actual: list[Row]) -> list[str]:
    """Rows rejected with another line or for another reason than they must be."""
    wrong = []
    for table, rows in expected.items():
        wanted = {r.line: r.why.split("|") for r in rows}
        found = {r["line"]: r["reason"] for r in actual if r["table_name"] == table}
        wrong += [
            f"{table} line {line} should be rejected: {wanted[line]}" for line in sorted(wanted.keys() - found.keys())
        ]
        wrong += [f"{table} line {line} should load: {found[line]}" for line in sorted(found.keys() - wanted.keys())]
        wrong += [
            f"{table} line {line}: {found[line]!r} does not say {wanted[line]}"
            for line in sorted(wanted.keys() & found.keys())
            if not any(why in found[line] for why in wanted[line])
        ]
    return wrong


def all_differences(actual: Tables, staged: Tables, rejected: dict[str, list[Rejected]], as_of: dt.date) -> list[str]:
    """One line for each cell of each table that is not as it must be."""
    wrong = [f"STG_REJECTED: {d}" for d in rejected_differences(rejected, actual["STG_REJECTED"])[:20]]
    expected = staged | figures(staged, as_of)
    ids = [r.pop("id") for r in actual["MRR"]]
    if len(set(ids)) != len(ids) or None in ids:
        wrong.append("MRR: ids repeat")
    return wrong + [f"{name}: {d}" for name, rows in expected.items() for d in differences(rows, actual[name])]


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("seed", "form", "as_of"),
    [
        (1, "csv", dt.date(2026, 11, 23)),
        (2, "parquet", dt.date(2020, 2, 29)),
        (3, "csv", dt.date(2019, 12, 31)),
        (4, "csv", dt.date(2020, 3, 1)),
        (5, "parquet", dt.date(2020, 1, 31)),
    ],
)
def test_hostile_files_give_the_reference_s_figures(tmp_path: Path, seed: int, form: str, as_of: dt.date) -> None:
    business = Business(seed, customers=int(os.environ.get("HOSTILE_CUSTOMERS", "200")))
    write = business.write_csv if form == "csv" else business.write_parquet
    staged, rejected = write(tmp_path / "files")
    home, selection = tmp_path / "home", " or ".join(f"+key:{name}" for name in BUILT)
    command(home, tmp_path / "files", as_of, "run", "--select", selection, MAX_REJECTED_SHARE="0.5")
    actual = exported(home, tmp_path / "out", tmp_path / "files", as_of)
    command(home, tmp_path / "files", as_of, "warehouse", "stop")
    wrong = all_differences(actual, staged, rejected, as_of)
    assert not wrong, "\n".join(wrong)
