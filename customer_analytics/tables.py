"""Every table and every vector collection: name, columns, types, meaning of a row.

DDL, Dagster metadata, column lineage, checks and the data dictionary derive from here. Names are
upper case in Snowflake. Types are Snowflake's. Times are UTC, without a zone (TIMESTAMP_NTZ).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

INTEGER = "NUMBER(38,0)"
# Exact to a billionth of a dollar: sums do not depend on the order of rows, so a float's last bit
# can never look like an upgrade or a downgrade.
MONEY = "NUMBER(28,9)"
FLOAT = "FLOAT"
TEXT = "VARCHAR"
DATE = "DATE"
TIMESTAMP = "TIMESTAMP_NTZ"
BOOLEAN = "BOOLEAN"


@dataclass(frozen=True)
class Column:
    """One column. `lineage` names the columns that it is computed from, as "TABLE.column"."""

    name: str
    type: str
    description: str
    nullable: bool = True
    accepted: tuple[str, ...] = ()
    minimum: float | None = None
    parent: str | None = None
    """The "TABLE.column" that should hold every value of this one; a value without parent is a warning."""
    lineage: tuple[str, ...] = ()
    not_before: str | None = None
    """The column of the same row that this one must not lie before."""
    has_letters: bool = False
    """Whether a value without any letter says nothing, and so breaks the contract."""


@dataclass(frozen=True)
class Table:
    """One table: what a row means, its columns, and the key that makes a row unique (empty: rows may repeat)."""

    name: str
    group: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    contradictions_are_rejected: bool = False
    """Whether rows of one key that differ elsewhere are all rejected; otherwise the first stays."""

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)


@dataclass(frozen=True)
class Collection:
    """One vector collection. Every object also carries `id`, `content_hash`, `embedding_model` and its vector."""

    name: str
    description: str
    text: str
    """The property that is embedded and searched by keyword."""
    key: tuple[str, ...]
    """The natural key; the object's id is uuid5 of the collection's name and it."""
    properties: tuple[Column, ...] = field(default_factory=tuple)
    source: str = ""
    """The table that it holds."""
    read_whole: bool = False
    """Whether all of a text counts that is longer than the embedder takes, by its windows, or its beginning."""


def _c(name: str, type_: str, description: str, **kw) -> Column:
    return Column(name, type_, description, **kw)


def _required(name: str, type_: str, description: str, **kw) -> Column:
    return Column(name, type_, description, nullable=False, **kw)


def _from(table: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{table}.{n}" for n in names)


CUSTOMER_PARENT = "STG_CUSTOMERS.customer_id"
PAYMENT_METHODS = ("credit_card", "coupon", "bank_transfer", "gift_card")
ATTRIBUTION_MODELS = ("first_touch", "last_touch", "forty_twenty_forty", "linear")
CHANGE_CATEGORIES = ("new", "churn", "reactivation", "upgrade", "downgrade")

# --------------------------------------------------------------------- sources

STG_CUSTOMERS = Table(
    "STG_CUSTOMERS",
    "sources",
    "One customer of the shop, as in the source.",
    (
        _required("customer_id", INTEGER, "Customer"),
        _c("first_name", TEXT, "Given name"),
        _c("last_name", TEXT, "Family name"),
    ),
    key=("customer_id",),
)
STG_ORDERS = Table(
    "STG_ORDERS",
    "sources",
    "One order, as in the source.",
    (
        _required("order_id", INTEGER, "Order"),
        _required("customer_id", INTEGER, "Customer who ordered", parent=CUSTOMER_PARENT),
        _required("order_date", DATE, "Day of the order"),
        _c("status", TEXT, "State of the order"),
    ),
    key=("order_id",),
)
STG_PAYMENTS = Table(
    "STG_PAYMENTS",
    "sources",
    "One payment for an order, as in the source.",
    (
        _required("payment_id", INTEGER, "Payment"),
        _required("order_id", INTEGER, "Order paid for", parent="STG_ORDERS.order_id"),
        _required("payment_method", TEXT, "credit_card, coupon, bank_transfer, gift_card; others are reported"),
        _required("amount", INTEGER, "Amount in cents; negative is a refund"),
    ),
    key=("payment_id",),
)
STG_SUBSCRIPTION_PERIODS = Table(
    "STG_SUBSCRIPTION_PERIODS",
    "sources",
    "One period of a subscription at one price, as in the source.",
    (
        _required("subscription_id", INTEGER, "Subscription period"),
        _required("customer_id", INTEGER, "Customer who subscribes", parent=CUSTOMER_PARENT),
        _required("start_date", DATE, "First day"),
        _c("end_date", DATE, "Day on which it ends; NULL while it runs", not_before="start_date"),
        _required("monthly_amount", MONEY, "Dollars per month", minimum=0),
    ),
    key=("subscription_id",),
)
STG_SESSIONS = Table(
    "STG_SESSIONS",
    "sources",
    "One web session, as in the source.",
    (
        _required("session_id", INTEGER, "Session"),
        _required("customer_id", INTEGER, "Customer who visited", parent=CUSTOMER_PARENT),
        _required("started_at", TIMESTAMP, "Start, UTC"),
        _c("ended_at", TIMESTAMP, "End, UTC", not_before="started_at"),
        _c("utm_source", TEXT, "Source of the visit"),
        _c("utm_medium", TEXT, "Medium of the visit"),
        _c("utm_campaign", TEXT, "Campaign of the visit"),
    ),
    key=("session_id",),
)
STG_CUSTOMER_CONVERSIONS = Table(
    "STG_CUSTOMER_CONVERSIONS",
    "sources",
    "One conversion, as in the source.",
    (
        _required("customer_id", INTEGER, "Customer who converted", parent=CUSTOMER_PARENT),
        _required("converted_at", TIMESTAMP, "Moment of the conversion, UTC"),
        _required("revenue", MONEY, "Dollars", minimum=0),
    ),
    key=("customer_id", "converted_at", "revenue"),
)
STG_AD_SPEND = Table(
    "STG_AD_SPEND",
    "sources",
    "One line of advertising spend, as in the source. Equal lines are legal and add up.",
    (
        _required("date_day", DATE, "Day of the spend"),
        _required("utm_source", TEXT, "Source that was paid"),
        _c("utm_medium", TEXT, "Medium"),
        _c("utm_campaign", TEXT, "Campaign"),
        _required("spend", MONEY, "Dollars", minimum=0),
    ),
)
STG_TWITTER_COMMENTS = Table(
    "STG_TWITTER_COMMENTS",
    "sources",
    "One comment of a customer, as in the source.",
    (
        _required("customer_id", INTEGER, "Customer who commented", parent=CUSTOMER_PARENT),
        _required("date", TIMESTAMP, "Moment of the comment, UTC"),
        _required("review_text", TEXT, "What was said, literally", has_letters=True),
    ),
    key=("customer_id", "date", "review_text"),
)
STG_COMMENT_TRAINING = Table(
    "STG_COMMENT_TRAINING",
    "sources",
    "One text with its known sentiment, to train on.",
    (
        _required("review_text", TEXT, "What was said, literally", has_letters=True),
        _required("label", TEXT, "'0' negative, '1' positive", accepted=("0", "1")),
    ),
    key=("review_text",),
    contradictions_are_rejected=True,
)
STG_REJECTED = Table(
    "STG_REJECTED",
    "sources",
    "One row or recording that broke its contract, kept literally. Each source replaces its own rows here.",
    (
        _required("source_file", TEXT, "File it came from"),
        _c(
            "line",
            INTEGER,
            "Line of the file (the header is line 1), or row of a Parquet file (from 1); NULL for a recording",
        ),
        _required("table_name", TEXT, "Table that it was meant for"),
        _required("reason", TEXT, "What is wrong with it"),
        _c("row_text", TEXT, "The row as it was"),
        _required("loaded_at", TIMESTAMP, "When it was read, UTC"),
    ),
)

# ------------------------------------------------------------------- customers

ORDERS = Table(
    "ORDERS",
    "customers",
    "One order with what was paid for it, in dollars.",
    (
        _required("order_id", INTEGER, "Order", lineage=_from("STG_ORDERS", "order_id")),
        _required("customer_id", INTEGER, "Customer", lineage=_from("STG_ORDERS", "customer_id")),
        _required("order_date", DATE, "Day of the order", lineage=_from("STG_ORDERS", "order_date")),
        _c("status", TEXT, "State of the order", lineage=_from("STG_ORDERS", "status")),
        *(
            _c(
                f"{m}_amount",
                "NUMBER(38,2)",
                f"Dollars paid by {m.replace('_', ' ')}; 0 when not used, NULL for an order without payments",
                lineage=_from("STG_PAYMENTS", "payment_method", "amount"),
            )
            for m in PAYMENT_METHODS
        ),
        _c(
            "amount",
            "NUMBER(38,2)",
            "Dollars paid in all, by any method; NULL for an order without payments",
            lineage=_from("STG_PAYMENTS", "amount"),
        ),
    ),
    key=("order_id",),
)
CUSTOMERS = Table(
    "CUSTOMERS",
    "customers",
    "One customer with their orders so far.",
    (
        _required("customer_id", INTEGER, "Customer", lineage=_from("STG_CUSTOMERS", "customer_id")),
        _c("first_name", TEXT, "Given name", lineage=_from("STG_CUSTOMERS", "first_name")),
        _c("last_name", TEXT, "Family name", lineage=_from("STG_CUSTOMERS", "last_name")),
        _c("first_order", DATE, "Day of the first order; NULL without orders", lineage=_from("ORDERS", "order_date")),
        _c(
            "most_recent_order",
            DATE,
            "Day of the latest order; NULL without orders",
            lineage=_from("ORDERS", "order_date"),
        ),
        _c("number_of_orders", INTEGER, "Orders; NULL without orders", lineage=_from("ORDERS", "order_id")),
        _c(
            "customer_lifetime_value",
            "NUMBER(38,2)",
            "Dollars paid to date; NULL without a payment",
            lineage=_from("ORDERS", "amount"),
        ),
    ),
    key=("customer_id",),
)

# --------------------------------------------------------------------- revenue

_PERIOD = _from("STG_SUBSCRIPTION_PERIODS", "start_date", "end_date", "monthly_amount")
_REVENUE_COLUMNS = (
    _required("date_month", DATE, "First day of the month", lineage=_PERIOD[:2]),
    _required("customer_id", INTEGER, "Customer", lineage=_from("STG_SUBSCRIPTION_PERIODS", "customer_id")),
    _required("mrr", MONEY, "Monthly recurring revenue, dollars", lineage=_PERIOD),
    _required("is_active", BOOLEAN, "Whether mrr is above 0", lineage=_PERIOD),
    _c("first_active_month", DATE, "First month with mrr above 0", lineage=_PERIOD),
    _c("last_active_month", DATE, "Last month with mrr above 0", lineage=_PERIOD),
    _required("is_first_month", BOOLEAN, "Whether this is the first active month", lineage=_PERIOD),
    _required("is_last_month", BOOLEAN, "Whether this is the last active month", lineage=_PERIOD),
)


def _carried(columns: tuple[Column, ...], *tables: str) -> tuple[Column, ...]:
    """The same columns, handed on from `tables`."""
    return tuple(
        Column(c.name, c.type, c.description, c.nullable, lineage=tuple(f"{t}.{c.name}" for t in tables))
        for c in columns
    )


CUSTOMER_REVENUE_BY_MONTH = Table(
    "CUSTOMER_REVENUE_BY_MONTH",
    "revenue",
    "One customer and month from the first to the last active one; idle months between have mrr 0.",
    _REVENUE_COLUMNS,
    key=("customer_id", "date_month"),
)
CUSTOMER_CHURN_MONTH = Table(
    "CUSTOMER_CHURN_MONTH",
    "revenue",
    "The month after a customer's last active one, unless a paid period still runs in it.",
    tuple(
        replace(c, lineage=(*c.lineage, *_PERIOD)) if c.name == "date_month" else c
        for c in _carried(_REVENUE_COLUMNS, "CUSTOMER_REVENUE_BY_MONTH")
    ),
    key=("customer_id",),
)
MRR = Table(
    "MRR",
    "revenue",
    "One customer and month with the change of monthly recurring revenue against the month before.",
    (
        _required(
            "id", TEXT, "Unique per row", lineage=_from("CUSTOMER_REVENUE_BY_MONTH", "customer_id", "date_month")
        ),
        *_carried(_REVENUE_COLUMNS, "CUSTOMER_REVENUE_BY_MONTH", "CUSTOMER_CHURN_MONTH"),
        _required(
            "previous_month_is_active",
            BOOLEAN,
            "is_active of the month before",
            lineage=_from("CUSTOMER_REVENUE_BY_MONTH", "is_active"),
        ),
        _required(
            "previous_month_mrr",
            MONEY,
            "mrr of the month before; 0 in the first",
            lineage=_from("CUSTOMER_REVENUE_BY_MONTH", "mrr"),
        ),
        _required("mrr_change", MONEY, "mrr - previous_month_mrr", lineage=_from("CUSTOMER_REVENUE_BY_MONTH", "mrr")),
        _c(
            "change_category",
            TEXT,
            "new (first month), churn (was active, is not), reactivation (is active, was not), upgrade, downgrade, else NULL",
            accepted=CHANGE_CATEGORIES,
            lineage=_from("CUSTOMER_REVENUE_BY_MONTH", "mrr", "is_active", "is_first_month"),
        ),
        _required(
            "renewal_amount", MONEY, "least(mrr, previous_month_mrr)", lineage=_from("CUSTOMER_REVENUE_BY_MONTH", "mrr")
        ),
    ),
    key=("id",),
)

# ------------------------------------------------------------------- marketing

ATTRIBUTION_TOUCHES = Table(
    "ATTRIBUTION_TOUCHES",
    "marketing",
    "One session within the 30 days up to a conversion of its customer, with its share in that conversion.",
    (
        *_carried(STG_SESSIONS.columns, "STG_SESSIONS"),
        _required(
            "converted_at",
            TIMESTAMP,
            "Moment of the conversion",
            lineage=_from("STG_CUSTOMER_CONVERSIONS", "converted_at"),
        ),
        _required("revenue", MONEY, "Dollars of the conversion", lineage=_from("STG_CUSTOMER_CONVERSIONS", "revenue")),
        _required(
            "total_sessions",
            INTEGER,
            "Touches of the conversion",
            minimum=1,
            lineage=_from("STG_SESSIONS", "session_id"),
        ),
        _required(
            "session_index",
            INTEGER,
            "Place of this touch among them, from 1",
            minimum=1,
            lineage=_from("STG_SESSIONS", "started_at", "session_id"),
        ),
        *(
            _required(
                f"{m}_points",
                FLOAT,
                f"Share of the conversion under {m.replace('_', ' ')}",
                minimum=0,
                lineage=_from("STG_SESSIONS", "started_at", "session_id"),
            )
            for m in ATTRIBUTION_MODELS
        ),
        *(
            _required(
                f"{m}_revenue",
                FLOAT,
                f"Dollars of the conversion under {m.replace('_', ' ')}",
                minimum=0,
                lineage=_from("STG_CUSTOMER_CONVERSIONS", "revenue"),
            )
            for m in ATTRIBUTION_MODELS
        ),
    ),
    key=("session_id", "customer_id", "converted_at", "revenue"),
)
CPA_AND_ROAS = Table(
    "CPA_AND_ROAS",
    "marketing",
    "One month and source with its conversions under the linear model and its spend.",
    (
        _required(
            "date_month",
            DATE,
            "First day of the month: of the conversion, and of the spend",
            lineage=("ATTRIBUTION_TOUCHES.converted_at", "STG_AD_SPEND.date_day"),
        ),
        _c(
            "utm_source",
            TEXT,
            "Source; NULL for touches whose session names none",
            lineage=("ATTRIBUTION_TOUCHES.utm_source", "STG_AD_SPEND.utm_source"),
        ),
        _c(
            "attribution_points",
            FLOAT,
            "Conversions, linear model; NULL without touches",
            lineage=_from("ATTRIBUTION_TOUCHES", "linear_points"),
        ),
        _c(
            "attribution_revenue",
            FLOAT,
            "Dollars, linear model; NULL without touches",
            lineage=_from("ATTRIBUTION_TOUCHES", "linear_revenue"),
        ),
        _c("total_spend", MONEY, "Dollars spent; NULL without spend rows", lineage=_from("STG_AD_SPEND", "spend")),
        _c(
            "cost_per_acquisition",
            FLOAT,
            "spend / points; NULL where nothing was spent",
            lineage=("STG_AD_SPEND.spend", "ATTRIBUTION_TOUCHES.linear_points"),
        ),
        _c(
            "return_on_advertising_spend",
            FLOAT,
            "revenue / spend; NULL where nothing was spent",
            lineage=("STG_AD_SPEND.spend", "ATTRIBUTION_TOUCHES.linear_revenue"),
        ),
    ),
    key=("date_month", "utm_source"),
)

# -------------------------------------------------------------------- feedback

CALL_TRANSCRIPTS = Table(
    "CALL_TRANSCRIPTS",
    "feedback",
    "One recorded call and what was said in it.",
    (
        _required("call_id", TEXT, "The file's name without its extension"),
        _required("customer_id", INTEGER, "Customer who called, from the file's name", parent=CUSTOMER_PARENT),
        _required("relative_path", TEXT, "File in the stage CALL_STAGE"),
        _required("transcript", TEXT, "What was heard, literally"),
        _required("duration_seconds", FLOAT, "Length of the call", minimum=0),
        _required("content_md5", TEXT, "MD5 of the recording"),
        _required("transcriber", TEXT, "Transcriber and its model"),
        _required("transcribed_at", TIMESTAMP, "When, UTC"),
    ),
    key=("call_id",),
)

COMMENT_TRAINING = Collection(
    "CommentTraining",
    "One distinct training text with its label.",
    text="review_text",
    key=("review_text",),
    properties=STG_COMMENT_TRAINING.columns,
    source="STG_COMMENT_TRAINING",
)
CUSTOMER_COMMENT = Collection(
    "CustomerComment",
    "One distinct comment: customer, date and text. Equal rows are one.",
    text="review_text",
    key=("customer_id", "date", "review_text"),
    properties=STG_TWITTER_COMMENTS.columns,
    source="STG_TWITTER_COMMENTS",
)
CUSTOMER_CALL = Collection(
    "CustomerCall",
    "One recorded call with its transcript.",
    text="transcript",
    key=("call_id",),
    properties=tuple(
        c
        for c in CALL_TRANSCRIPTS.columns
        if c.name in ("call_id", "customer_id", "relative_path", "transcript", "duration_seconds")
    ),
    source="CALL_TRANSCRIPTS",
    # A call begins with a greeting; what it is about comes later.
    read_whole=True,
)
COLLECTIONS = (COMMENT_TRAINING, CUSTOMER_COMMENT, CUSTOMER_CALL)

# ------------------------------------------------------------------- sentiment

_SENTIMENT = (
    _required(
        "in_training",
        BOOLEAN,
        "Whether the text stands in the training set; it is then scored out of fold",
        lineage=("CommentTraining.review_text",),
    ),
    _required("sentiment", FLOAT, "Probability of positive, 0 to 1", minimum=0),
    _required("model_version", TEXT, "Version of SENTIMENT_CLASSIFIER that scored it"),
)
PRED_TWITTER_COMMENTS = Table(
    "PRED_TWITTER_COMMENTS",
    "sentiment",
    "One object of the collection CustomerComment with its sentiment.",
    (
        _required("id", TEXT, "Object in the collection"),
        *_carried(CUSTOMER_COMMENT.properties, "CustomerComment"),
        _required("content_hash", TEXT, "Hash of the text"),
        *_SENTIMENT,
    ),
    key=("id",),
)
PRED_CUSTOMER_CALLS = Table(
    "PRED_CUSTOMER_CALLS",
    "sentiment",
    "One object of the collection CustomerCall with its sentiment.",
    (
        _required("id", TEXT, "Object in the collection"),
        *_carried(CUSTOMER_CALL.properties, "CustomerCall"),
        _required("content_hash", TEXT, "Hash of the text"),
        *_SENTIMENT,
    ),
    key=("id",),
)

# -------------------------------------------------------------- lifetime value

PRED_CUSTOMER_LTV = Table(
    "PRED_CUSTOMER_LTV",
    "lifetime_value",
    "One customer with an order, and what they are predicted to spend in the next horizon_days.",
    (
        _required("customer_id", INTEGER, "Customer", lineage=_from("ORDERS", "customer_id")),
        _required("reference_date", DATE, "Day from which the future is predicted"),
        _required("horizon_days", INTEGER, "Days predicted", minimum=1),
        _required(
            "predicted_ltv", FLOAT, "Dollars in the horizon, expected", lineage=_from("ORDERS", "amount", "order_date")
        ),
        _required("p10", FLOAT, "10 % of such customers spend less"),
        _required("p90", FLOAT, "10 % of such customers spend more"),
        _required("probability_active", FLOAT, "Probability of at least one order in the horizon", minimum=0),
        _required("frequency", INTEGER, "Days with an order after the first"),
        _required("recency_days", INTEGER, "Days from the first to the latest order"),
        _required("tenure_days", INTEGER, "Days from the first order to the reference date"),
        _required("monetary_value", FLOAT, "Mean dollars of a day with orders"),
        _c("mrr", FLOAT, "Monthly recurring revenue at the reference date"),
        _c("sentiment", FLOAT, "Mean sentiment of the comments up to the reference date; NULL without any"),
        _c("call_sentiment", FLOAT, "Mean sentiment of the calls transcribed by the reference date; NULL without any"),
        _c("first_touch_channel", TEXT, "Source of the first session; NULL without sessions"),
        _required("model_version", TEXT, "Version of CUSTOMER_LTV"),
    ),
    key=("customer_id",),
)

# ---------------------------------------------------------------- presentation

_NAMES = (
    _c("first_name", TEXT, "Given name", lineage=_from("CUSTOMERS", "first_name")),
    _c("last_name", TEXT, "Family name", lineage=_from("CUSTOMERS", "last_name")),
)
_SCORE = _c(
    "sentiment_score",
    FLOAT,
    "Mean of the calls' and the comments' sentiment; NULL where there is neither",
    lineage=_from("PRES_SENTIMENT", "sentiment_score"),
)
PRES_SENTIMENT = Table(
    "PRES_SENTIMENT",
    "presentation",
    "One customer with a call or a comment, and how they feel.",
    (
        _required(
            "customer_id",
            INTEGER,
            "Customer",
            lineage=("PRED_TWITTER_COMMENTS.customer_id", "PRED_CUSTOMER_CALLS.customer_id"),
        ),
        _c(
            "calls_sentiment",
            FLOAT,
            "Mean sentiment of the calls; NULL without calls",
            lineage=_from("PRED_CUSTOMER_CALLS", "sentiment"),
        ),
        _c(
            "comments_sentiment",
            FLOAT,
            "Mean sentiment of the comments; NULL without comments",
            lineage=_from("PRED_TWITTER_COMMENTS", "sentiment"),
        ),
        _required(
            "sentiment_score",
            FLOAT,
            "Mean of those present",
            lineage=("PRED_TWITTER_COMMENTS.sentiment", "PRED_CUSTOMER_CALLS.sentiment"),
        ),
        _required("sentiment_bucket", INTEGER, "WIDTH_BUCKET(sentiment_score, 0, 1, 10), 1.0 in bucket 10", minimum=1),
    ),
    key=("customer_id",),
)
PRES_AD_SPEND = Table(
    "PRES_AD_SPEND",
    "presentation",
    "One month, medium and source with its spend, and its conversions and revenue under each attribution model.",
    (
        _required(
            "date_month",
            DATE,
            "First day of the month",
            lineage=("STG_AD_SPEND.date_day", "ATTRIBUTION_TOUCHES.converted_at"),
        ),
        _required(
            "utm_medium",
            TEXT,
            "Medium; direct when the source is, else (none); unattributed for conversions without a touch",
            lineage=("STG_AD_SPEND.utm_medium", "ATTRIBUTION_TOUCHES.utm_medium"),
        ),
        _required(
            "utm_source",
            TEXT,
            "Source; unattributed for conversions without a touch",
            lineage=("STG_AD_SPEND.utm_source", "ATTRIBUTION_TOUCHES.utm_source"),
        ),
        _c("spend", MONEY, "Dollars spent", lineage=_from("STG_AD_SPEND", "spend")),
        *(
            _c(
                f"{m}_conversions",
                FLOAT,
                f"Conversions under {m.replace('_', ' ')}",
                lineage=_from("ATTRIBUTION_TOUCHES", f"{m}_points"),
            )
            for m in ATTRIBUTION_MODELS
        ),
        *(
            _c(
                f"{m}_revenue",
                FLOAT,
                f"Dollars under {m.replace('_', ' ')}",
                lineage=_from("ATTRIBUTION_TOUCHES", f"{m}_revenue"),
            )
            for m in ATTRIBUTION_MODELS
        ),
    ),
    key=("date_month", "utm_medium", "utm_source"),
)
PRES_CLV = Table(
    "PRES_CLV",
    "presentation",
    "One customer with a lifetime value, most valuable first.",
    (
        _required("customer_id", INTEGER, "Customer", lineage=_from("CUSTOMERS", "customer_id")),
        *_NAMES,
        _c("first_order", DATE, "Day of the first order", lineage=_from("CUSTOMERS", "first_order")),
        _c("most_recent_order", DATE, "Day of the latest order", lineage=_from("CUSTOMERS", "most_recent_order")),
        _c("number_of_orders", INTEGER, "Orders", lineage=_from("CUSTOMERS", "number_of_orders")),
        _required("clv", "NUMBER(38,2)", "Dollars paid to date", lineage=_from("CUSTOMERS", "customer_lifetime_value")),
        _c(
            "predicted_ltv",
            FLOAT,
            "Dollars predicted for the next horizon_days",
            lineage=_from("PRED_CUSTOMER_LTV", "predicted_ltv"),
        ),
        _SCORE,
    ),
    key=("customer_id",),
)
PRES_CHURN = Table(
    "PRES_CHURN",
    "presentation",
    "One customer who churned, with the latest churn.",
    (
        _required("customer_id", INTEGER, "Customer", lineage=_from("MRR", "customer_id")),
        *_NAMES,
        _c(
            "clv",
            "NUMBER(38,2)",
            "Dollars paid to date; NULL without a payment",
            lineage=_from("CUSTOMERS", "customer_lifetime_value"),
        ),
        _required(
            "last_active_month",
            DATE,
            "Last active month before the latest churn",
            lineage=_from("MRR", "date_month", "change_category"),
        ),
        _required(
            "mrr_lost", MONEY, "Monthly recurring revenue lost, dollars", lineage=_from("MRR", "previous_month_mrr")
        ),
        _SCORE,
        _required("reactivated", BOOLEAN, "Whether a later month is active", lineage=_from("MRR", "is_active")),
    ),
    key=("customer_id",),
)
PRES_AT_RISK = Table(
    "PRES_AT_RISK",
    "presentation",
    "One active customer who may leave, greatest value at risk first.",
    (
        _required("customer_id", INTEGER, "Customer", lineage=_from("CUSTOMERS", "customer_id")),
        *_NAMES,
        _c("clv", "NUMBER(38,2)", "Dollars paid to date", lineage=_from("CUSTOMERS", "customer_lifetime_value")),
        _c("predicted_ltv", FLOAT, "Dollars predicted", lineage=_from("PRED_CUSTOMER_LTV", "predicted_ltv")),
        _c("mrr", MONEY, "Monthly recurring revenue in the latest month", lineage=_from("MRR", "mrr")),
        _c("mrr_trend", MONEY, "mrr now less three months before", lineage=_from("MRR", "mrr")),
        _c(
            "recent_sentiment",
            FLOAT,
            "Mean sentiment of the last 90 days of data; NULL without comments in them",
            lineage=_from("PRED_TWITTER_COMMENTS", "sentiment", "date"),
        ),
        _c(
            "earlier_sentiment",
            FLOAT,
            "Mean sentiment before that; NULL without comments",
            lineage=_from("PRED_TWITTER_COMMENTS", "sentiment", "date"),
        ),
        _required(
            "value_at_risk",
            FLOAT,
            "Dollars that may be lost in the next horizon_days",
            lineage=("PRED_CUSTOMER_LTV.predicted_ltv", "MRR.mrr"),
        ),
        _required("reasons", TEXT, "Why, in words"),
    ),
    key=("customer_id",),
)
PRES_JOURNEYS = Table(
    "PRES_JOURNEYS",
    "presentation",
    "One path of channels that led to conversions.",
    (
        _required(
            "path",
            TEXT,
            "Sources in order, joined by ' > '; equal neighbours are one",
            lineage=_from("ATTRIBUTION_TOUCHES", "utm_source", "session_index"),
        ),
        _required(
            "conversions",
            INTEGER,
            "Conversions by this path",
            minimum=1,
            lineage=_from("ATTRIBUTION_TOUCHES", "converted_at"),
        ),
        _required("revenue", MONEY, "Dollars of them", lineage=_from("ATTRIBUTION_TOUCHES", "revenue")),
        _required(
            "median_touches", FLOAT, "Median number of touches", lineage=_from("ATTRIBUTION_TOUCHES", "total_sessions")
        ),
        _required(
            "median_days",
            FLOAT,
            "Median days from the first touch to the conversion",
            lineage=_from("ATTRIBUTION_TOUCHES", "started_at", "converted_at"),
        ),
    ),
    key=("path",),
)
THEME_CENTROIDS = Table(
    "THEME_CENTROIDS",
    "presentation",
    "One theme: the centre of a cluster of the stored vectors. The next run starts from these, so numbers stay.",
    (
        _required("theme_id", INTEGER, "Theme; a number is never given to another theme"),
        _required("embedding_model", TEXT, "Model of the vectors"),
        _required("centroid", TEXT, "Unit vector, as a JSON list"),
    ),
    key=("theme_id",),
)
PRES_THEMES = Table(
    "PRES_THEMES",
    "presentation",
    "One theme of what customers say, and month.",
    (
        _required("theme_id", INTEGER, "Theme", lineage=("CustomerComment.review_text", "CustomerCall.transcript")),
        _c(
            "date_month",
            DATE,
            "Month of the comments; NULL for calls, which have no date",
            lineage=_from("PRED_TWITTER_COMMENTS", "date"),
        ),
        _required(
            "label",
            TEXT,
            "Its most distinctive words",
            lineage=("CustomerComment.review_text", "CustomerCall.transcript"),
        ),
        _required("comments", INTEGER, "Comments in it", minimum=0),
        _required("calls", INTEGER, "Calls in it", minimum=0),
        _required(
            "mean_sentiment",
            FLOAT,
            "Mean sentiment of them",
            lineage=("PRED_TWITTER_COMMENTS.sentiment", "PRED_CUSTOMER_CALLS.sentiment"),
        ),
        _required("negative", INTEGER, "Of them, those with sentiment below 0.5", minimum=0),
        _c("passage_1", TEXT, "Most typical passage of the theme in this month"),
        _c("passage_2", TEXT, "Second most typical"),
        _c("passage_3", TEXT, "Third most typical"),
    ),
    key=("theme_id", "date_month"),
)
PRES_HEALTH = Table(
    "PRES_HEALTH",
    "presentation",
    "One table, collection or model and its state, kept by the runs themselves.",
    (
        _required("name", TEXT, "Table, collection or model"),
        _required("kind", TEXT, "table, collection or model", accepted=("table", "collection", "model")),
        _required("built_at", TIMESTAMP, "When it was last built, UTC"),
        _c("row_count", INTEGER, "Rows or objects"),
        _required("rejected_rows", INTEGER, "Rows of its source in STG_REJECTED", minimum=0),
        _required("checks_failing", INTEGER, "Checks that failed when it was last checked", minimum=0),
        _c("failing_checks", TEXT, "Their names, joined by commas"),
        _c("data_up_to", DATE, "Latest day in its data"),
        _c("model_version", TEXT, "Champion's version, for a model"),
        _c("detail", TEXT, "Metrics and other figures, as JSON"),
    ),
    key=("name",),
)

TABLES: dict[str, Table] = {t.name: t for t in list(globals().values()) if isinstance(t, Table)}
SOURCES = tuple(t for t in TABLES.values() if t.group == "sources" and t.name != "STG_REJECTED")


def source_name(table: Table) -> str:
    """The name of a staging table's source file, without extension: STG_AD_SPEND -> ad_spend."""
    return table.name.removeprefix("STG_").lower()
