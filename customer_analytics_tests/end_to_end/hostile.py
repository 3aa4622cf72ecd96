"""Source files as the world sends them, with what must become of each row: it knows every value and never parses.

Each cell is drawn together with its meaning, so the expected tables owe nothing to the product's readers.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Cell = tuple[str, Any]
"""The text in the file, and its meaning: a value, or Bad."""


@dataclass(frozen=True)
class Bad:
    """A cell that breaks the contract; `why` stands in the reason."""

    why: str


@dataclass(frozen=True)
class Rejected:
    """One row that must be in STG_REJECTED."""

    line: int
    why: str


@dataclass
class Source:
    """One source file: what it says, row by row."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    optional: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        self.rows.append(cells)

    @property
    def table(self) -> str:
        return f"STG_{self.name.upper()}"


SOURCES = {
    "customers": (("customer_id", "first_name", "last_name"), 1, ("first_name", "last_name")),
    "orders": (("order_id", "customer_id", "order_date", "status"), 1, ("status",)),
    "payments": (("payment_id", "order_id", "payment_method", "amount"), 1, ()),
    "subscription_periods": (
        ("subscription_id", "customer_id", "start_date", "end_date", "monthly_amount"),
        1,
        ("end_date",),
    ),
    "sessions": (
        ("session_id", "customer_id", "started_at", "ended_at", "utm_source", "utm_medium", "utm_campaign"),
        1,
        ("ended_at", "utm_source", "utm_medium", "utm_campaign"),
    ),
    "customer_conversions": (("customer_id", "converted_at", "revenue"), 3, ()),
    "ad_spend": (
        ("date_day", "utm_source", "utm_medium", "utm_campaign", "spend"),
        0,
        ("utm_medium", "utm_campaign"),
    ),
}
TYPES = {"order_date": "date", "start_date": "date", "end_date": "date", "date_day": "date"} | {
    "started_at": "time",
    "ended_at": "time",
    "converted_at": "time",
    "monthly_amount": "money",
    "revenue": "money",
    "spend": "money",
}
BAD_IDS = ("abc", "7.5", "1,000", "1_000", "٣", "0x10", "NaN", "inf", "9" * 19, "9" * 39, "1 7", "--1")
BAD_MONEY = ("abc", "1,000.5", "1.000,5", "1_000", "$5", "5 USD", "NaN", "inf", "-inf", "1e400", "٣", "5.5.5", "(5)")
BAD_DATES = ("2018-02-30", "31/01/2018", "2019-02-29", "1900-02-29", "2020-13-01", "2020-00-10", "yesterday", "2020-01")
BAD_TIMES = ("2018-02-30 10:00:00", "31/01/2018 10:00", "2020-01-05 25:00:00", "2020-01-05 10:61:00", "noon")
TEXTS = (
    "O'Brien", 'the "boss"', "a,b;c\td", "two\nlines", "'; DROP TABLE customers; --", "<script>alert(1)</script>",
    "=HYPERLINK(\"http://x\")", "@SUM(A1)", "😀👩‍👩‍👧", "\u202eright-to-left\u200f", "NULL", "\\N", "nan", "None", " ",
    " padded ", "Ångström", "e\u0301", "null", "\ufffd", "%s {0} $1 ?", "\\", "a\\\"b", "--", "/* */", "x" * 3000,
)  # fmt: skip
NAMES = ("Michael", "Shawn", "Kathleen", "Jimmy", "Zoë", "李")
CHANNELS = ("adwords", "facebook_ads", "direct", "email", "unattributed", "Adwords", "(none)")
MEDIUMS = ("paid_search", "paid_social", "direct", "unattributed", "email", "(none)")
MICROSECOND = dt.timedelta(microseconds=1)
WINDOW = dt.timedelta(days=30)


class Business:
    """A made-up business whose files are as hostile as `hostility` (a share of the cells) says."""

    def __init__(self, seed: int, customers: int, hostility: float = 0.02, newest: dt.date = dt.date(2020, 6, 30)):
        self.random = random.Random(seed)
        self.hostility = hostility
        self.newest = newest
        self.sources = {
            name: Source(name, columns, columns[:keys], optional) for name, (columns, keys, optional) in SOURCES.items()
        }
        special = [0, -3, 2**31, 2**31 + 5, 2**53 + 1, 2**53 + 2, 2**63 - 1]
        self.people = special + list(range(1, customers + 1))
        self._customers()
        self._orders()
        self._periods()
        self._visits()
        self._ad_spend()
        for source in self.sources.values():
            self._repeat(source)
            self.random.shuffle(source.rows)

    # ---------------------------------------------------------------- the business

    def _customers(self) -> None:
        for person in self.people:
            if self.random.random() < 0.9:  # the others are in other files only
                self.sources["customers"].add(self.id(person), self.text(NAMES), self.text(NAMES))

    def _orders(self) -> None:
        order = payment = 0
        for person in self.people:
            for _ in range(self.random.choice((0, 0, 1, 1, 2, 5))):
                order += 1
                status = self.text(("placed", "returned", "completed"))
                self.sources["orders"].add(self.id(order), self.id(person), self.day(self._some_day()), status)
                for _ in range(self.random.choice((0, 1, 1, 2, 3))):
                    payment += 1
                    self._payment(payment, order)
        for _ in range(len(self.people) // 10 + 1):  # for orders that nobody knows
            payment += 1
            self._payment(payment, 10**9 + payment)

    def _payment(self, payment: int, order: int) -> None:
        method = self.random.choice(("credit_card", "coupon", "bank_transfer", "gift_card", "paypal", "Coupon"))
        cents = self.random.choice((self.random.randint(1, 9999), -self.random.randint(1, 999), 0, 3 * 10**12 + 1))
        cell = (method, method) if self.random.random() > self.hostility else ("", Bad("payment_method is empty"))
        self.sources["payments"].add(self.id(payment), self.id(order), cell, self.id(cents))

    def _periods(self) -> None:
        number = 0
        for person in self.people:
            for _ in range(self.random.choice((0, 1, 1, 2, 4))):
                number += 1
                start = self._some_day()
                if self.random.random() < 0.05:
                    start = dt.date(1990, 1, 31) + dt.timedelta(days=self.random.randint(-40, 40))
                length = self.random.choice((0, 0, 1, 27, 31, 59, 90, 200, 366, None, None, 4000))
                end = start + dt.timedelta(days=length) if length is not None else None
                ends = self.day(end) if end else ("", None)
                if end and self.random.random() < self.hostility:
                    before = start - dt.timedelta(days=self.random.randint(1, 400))
                    ends = (before.isoformat(), Bad("end_date"))
                self.sources["subscription_periods"].add(
                    self.id(number), self.id(person), self.day(start), ends, self.money()
                )

    def _visits(self) -> None:
        session = 0
        for person in self.people:
            moments = [self._some_moment() for _ in range(self.random.choice((0, 0, 1, 2)))]
            for moment in moments:
                first, second = self.money(), self.money()
                self.sources["customer_conversions"].add(self.id(person), self.time(moment), first)
                if self.random.random() < 0.3 and second[1] != first[1]:  # two at one instant are two
                    self.sources["customer_conversions"].add(self.id(person), self.time(moment), second)
            edges = (dt.timedelta(0), MICROSECOND, -MICROSECOND, -WINDOW, -WINDOW - MICROSECOND, -WINDOW + MICROSECOND)
            for moment in moments or [self._some_moment()]:
                instants = [moment + self.random.choice(edges) for _ in range(self.random.randint(0, 4))]
                within = [moment - WINDOW * self.random.random() for _ in range(self.random.randint(0, 3))]
                for at in instants + within * self.random.choice((1, 1, 2)):  # twice: tied
                    session += 1
                    self._session(session, person, at)

    def _session(self, number: int, person: int, at: dt.datetime) -> None:
        ended = at + dt.timedelta(seconds=self.random.choice((0, 31, 4000, 10**7)))
        ends = self.random.choice((("", None), self.time(ended)))
        if self.random.random() < self.hostility:
            ends = (str(at - MICROSECOND), Bad("ended_at"))
        self.sources["sessions"].add(
            self.id(number), self.id(person), self.time(at), ends,
            self.text(CHANNELS), self.text(MEDIUMS), self.text(("a", "b")),
        )  # fmt: skip

    def _ad_spend(self) -> None:
        day = self.newest - dt.timedelta(days=400)
        while day <= self.newest + dt.timedelta(days=40):
            for _ in range(self.random.choice((0, 0, 1, 2))):
                source = self.random.choice(CHANNELS)
                row = (
                    self.day(day),
                    (source, source) if self.random.random() > self.hostility else ("", Bad("utm_source is empty")),
                    self.text(MEDIUMS),
                    self.text(("a", "b")),
                    self.money(),
                )
                for _ in range(self.random.choice((1, 1, 1, 2))):  # equal rows add up
                    self.sources["ad_spend"].add(*row)
            day += dt.timedelta(days=self.random.choice((1, 1, 3)))

    def _repeat(self, source: Source) -> None:
        for row in list(source.rows):
            if self.random.random() < self.hostility / 2:
                source.rows.append(row)
            if self.random.random() < self.hostility / 2 and source.name not in ("ad_spend", "customer_conversions"):
                other = self.random.choice(source.rows)
                source.rows.append((row[0], *other[1:]))

    def _some_day(self) -> dt.date:
        """Mostly in the last three years, sometimes in the future; often the first or last day of a month."""
        day = self.newest - dt.timedelta(days=self.random.randint(-120, 1100))
        first = day.replace(day=1)
        return self.random.choice((day, day, first, first - dt.timedelta(days=1), dt.date(2020, 2, 29)))

    def _some_moment(self) -> dt.datetime:
        return dt.datetime.combine(self._some_day(), dt.time()) + dt.timedelta(
            seconds=self.random.choice((0, 86399, self.random.randint(0, 86399))),
            microseconds=self.random.choice((0, 0, 1, 999999, 123400)),
        )

    # ------------------------------------------------------------------- the cells

    def _is_bad(self) -> bool:
        return self.random.random() < self.hostility / 4

    def id(self, value: int) -> Cell:
        if self._is_bad():
            return self.random.choice((*((raw, Bad("whole number")) for raw in BAD_IDS), ("", Bad("is empty"))))
        if self.random.random() > self.hostility or value < 0:
            return str(value), value
        return self.random.choice((f" {value} ", f"00{value}", f"{value}.0", f"+{value}")), value

    def money(self) -> Cell:
        if self._is_bad():
            bad = [(raw, Bad("not a number")) for raw in BAD_MONEY]
            return self.random.choice((*bad, ("-0.01", Bad("below 0")), ("", Bad("is empty"))))
        number = self.random.choice(("0", "0.0", "50", "19.99", "12.3456789", "75", "1000000000.07"))
        value = Decimal(number)
        if self.random.random() > self.hostility:
            return number, value
        odd = {
            "1e3": 1000,
            ".5": "0.5",
            "2.50E-1": "0.25",
            "-0": 0,
            "5.": 5,
            f"+{number}": number,
            f" {number} ": number,
        }
        raw, meant = self.random.choice(list(odd.items()))
        return raw, Decimal(meant)

    def day(self, value: dt.date) -> Cell:
        if self._is_bad():
            return self.random.choice((*((raw, Bad("not a day")) for raw in BAD_DATES), ("?", Bad("not a day"))))
        if self.random.random() > self.hostility:
            return value.isoformat(), value
        forms = (
            f"{value.year}-{value.month}-{value.day}",
            f"{value}T00:00:00Z",
            f"{value} 00:00:00",
            f" {value} ",
            f"{value}T00:00:00.000",
        )
        return self.random.choice(forms), value

    def time(self, value: dt.datetime) -> Cell:
        if self._is_bad():
            return self.random.choice([(raw, Bad("not a time")) for raw in BAD_TIMES])
        if self.random.random() > 0.2 + self.hostility:
            return str(value), value
        east = (value + dt.timedelta(hours=5, minutes=30)).isoformat()
        west = (value - dt.timedelta(hours=8)).isoformat(" ")
        forms = [value.isoformat(), value.isoformat() + "Z", f"{east}+05:30", f"{west}-08:00", f"{value} UTC"]
        if value.hour < 10:
            forms.append(f"{value.date()} {str(value.time()).removeprefix('0')}")
        return self.random.choice(forms), value

    def text(self, usual: Sequence[str]) -> Cell:
        if self.random.random() < 0.15:
            return "", None
        text = self.random.choice(TEXTS if self.random.random() < self.hostility else usual)
        return text, text

    # -------------------------------------------------------------------- the files

    def write_csv(self, folder: Path) -> tuple[dict[str, list[Row]], dict[str, list[Rejected]]]:
        """Write every file; the staged rows and the rejected ones that must come of it, by table."""
        folder.mkdir(parents=True, exist_ok=True)
        return self._outcomes(lambda source: self._csv(folder, source))

    def write_parquet(self, folder: Path) -> tuple[dict[str, list[Row]], dict[str, list[Rejected]]]:
        """The same as Parquet, each column in a physical type that holds it."""
        folder.mkdir(parents=True, exist_ok=True)
        return self._outcomes(lambda source: self._parquet(folder, source))

    def _outcomes(
        self, write: Callable[[Source], list[tuple[int, Row | Bad]]]
    ) -> tuple[dict[str, list[Row]], dict[str, list[Rejected]]]:
        staged: dict[str, list[Row]] = {}
        rejected: dict[str, list[Rejected]] = {}
        for source in self.sources.values():
            good: list[Row] = []
            bad: list[Rejected] = []
            seen: set[Any] = set()
            for line, row in write(source):
                key = None if isinstance(row, Bad) else tuple(row[c] for c in source.key)
                if isinstance(row, Bad):
                    bad.append(Rejected(line, row.why))
                elif key and key in seen:
                    bad.append(Rejected(line, "repeated"))
                else:
                    seen.add(key)
                    good.append(row)
            staged[source.table], rejected[source.table] = good, bad
        return staged, rejected

    def _csv(self, folder: Path, source: Source) -> list[tuple[int, Row | Bad]]:
        order = list(range(len(source.columns)))
        if self.random.random() < 0.5:
            self.random.shuffle(order)
        header = [self.random.choice((c, c.upper(), c.title())) for c in source.columns]
        end = self.random.choice(("\n", "\r\n"))
        text = [",".join(header[i] for i in order) + end]
        line, outcomes = 2, []
        for row in source.rows:
            cells = [_quoted(row[i][0], self.random) for i in order]
            meaning: Row | Bad = _meaning(source, row)
            chance = self.random.random()
            if chance < self.hostility / 4:
                cells.append("one too many")
                meaning = Bad("fields")
            elif chance < self.hostility:
                while cells and source.columns[order[len(cells) - 1]] in source.optional and self.random.random() < 0.8:
                    cells.pop()
                    lost = source.columns[order[len(cells)]]
                    index = source.columns.index(lost)
                    row = (*row[:index], ("", None), *row[index + 1 :])
                meaning = _meaning(source, row)
            joined = ",".join(cells) + end
            outcomes.append((line, meaning))
            text.append(joined)
            line += joined.count("\n")
        bom = self.random.choice(("", "\ufeff"))
        (folder / f"{source.name}.csv").write_bytes((bom + "".join(text)).encode())
        return outcomes

    def _parquet(self, folder: Path, source: Source) -> list[tuple[int, Row | Bad]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = source.rows
        arrays = {}
        for i, column in enumerate(source.columns):
            # A column of text keeps its bad cells; a typed one cannot hold them, so their rows go.
            as_text = self.random.random() < 0.3
            kind = TYPES.get(column, "id" if column.endswith("_id") or column == "amount" else "text")
            if kind != "text" and not as_text:
                rows = [r for r in rows if not isinstance(r[i][1], Bad) or r[i][1].why in ("end_date", "ended_at")]
                rows = [
                    (*r[:i], ("", Bad("is empty")), *r[i + 1 :])
                    if self._is_bad() and column not in source.optional
                    else r
                    for r in rows
                ]
            arrays[column] = (i, kind, as_text)
        table = pa.table(
            {
                self.random.choice((c, c.upper())): self._array([r[i] for r in rows], kind, as_text)
                for c, (i, kind, as_text) in arrays.items()
            }
        )
        pq.write_table(table, folder / f"{source.name}.parquet", row_group_size=1000)
        return [(n, _meaning(source, r)) for n, r in enumerate(rows, 1)]

    def _array(self, cells: list[Cell], kind: str, as_text: bool) -> Any:
        import pyarrow as pa

        if kind == "text" or as_text:
            types = (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()))
            return pa.array([c[0] or None for c in cells], pa.string()).cast(self.random.choice(types))
        # A day or time that lies before its other column is bad for that alone: the cell itself is sound.
        values = [
            _parsed(c[0], kind) if isinstance(c[1], Bad) and c[0] else None if isinstance(c[1], Bad) else c[1]
            for c in cells
        ]
        exact = pa.array(values, EXACT[kind]())
        fits = []
        for type_ in PHYSICAL[kind]():
            try:
                fits.append(exact.cast(type_))
            except pa.ArrowInvalid:
                continue
        return self.random.choice(fits)


def _parsed(text: str, kind: str) -> Any:
    return dt.date.fromisoformat(text) if kind == "date" else dt.datetime.fromisoformat(text)


def _pa() -> Any:
    import pyarrow

    return pyarrow


EXACT: dict[str, Callable[[], Any]] = {
    "id": lambda: _pa().int64(),
    "date": lambda: _pa().date32(),
    "time": lambda: _pa().timestamp("us"),
    "money": lambda: _pa().decimal128(28, 9),
}
PHYSICAL: dict[str, Callable[[], list[Any]]] = {
    "id": lambda: [_pa().int32(), _pa().int64(), _pa().uint64(), _pa().float64(), _pa().decimal128(38, 0)],
    "date": lambda: [_pa().date32(), _pa().date64(), _pa().timestamp("ns"), _pa().timestamp("us", "UTC")],
    "time": lambda: [_pa().timestamp("us"), _pa().timestamp("ns"), _pa().timestamp("us", "Europe/Berlin")],
    "money": lambda: [_pa().decimal128(28, 9), _pa().float64(), _pa().decimal256(40, 12)],
}


def _meaning(source: Source, row: tuple[Cell, ...]) -> Row | Bad:
    """What becomes of the row by itself: its values, or why it is rejected (any of its faults will do)."""
    faults = [cell[1].why for cell in row if isinstance(cell[1], Bad)]
    if faults:
        return Bad("|".join(faults))
    values = dict(zip(source.columns, (cell[1] for cell in row), strict=True))
    for start, end in (("start_date", "end_date"), ("started_at", "ended_at")):
        if values.get(start) and values.get(end) and values[end] < values[start]:
            return Bad(end)
    return values


def _quoted(text: str, chance: random.Random) -> str:
    if any(c in text for c in ',"\n\r') or (text and chance.random() < 0.1):
        return '"' + text.replace('"', '""') + '"'
    return text
