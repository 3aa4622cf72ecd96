"""Orders with what was paid for them, and customers with their orders."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from customer_analytics.tables import CUSTOMERS, ORDERS, PAYMENT_METHODS
from customer_analytics.transforms.declared import as_declared

if TYPE_CHECKING:
    from snowflake.snowpark import Column, DataFrame

CENT = Decimal("0.01")


def orders(stg_orders: DataFrame, stg_payments: DataFrame) -> DataFrame:
    """ORDERS: each order with its payments by method, in dollars.

    A method outside PAYMENT_METHODS counts in `amount` only. An order without payments has NULL amounts.
    """
    from snowflake.snowpark import functions as f

    def dollars(cents: Column) -> Column:
        # Times a hundredth, not over a hundred: division leaves exact numbers.
        return f.sum(cents) * f.lit(CENT)

    paid = stg_payments.group_by("order_id").agg(
        *(
            dollars(f.iff(f.col("payment_method") == f.lit(method), f.col("amount"), f.lit(0))).alias(
                f"{method}_amount"
            )
            for method in PAYMENT_METHODS
        ),
        dollars(f.col("amount")).alias("amount"),
    )
    return as_declared(stg_orders.join(paid, "order_id", "left"), ORDERS)


def customers(stg_customers: DataFrame, orders: DataFrame) -> DataFrame:
    """CUSTOMERS: each customer with their first and latest order, their number, and the dollars paid to date."""
    from snowflake.snowpark import functions as f

    history = orders.group_by("customer_id").agg(
        f.min("order_date").alias("first_order"),
        f.max("order_date").alias("most_recent_order"),
        f.count("order_id").alias("number_of_orders"),
        f.sum("amount").alias("customer_lifetime_value"),
    )
    return as_declared(stg_customers.join(history, "customer_id", "left"), CUSTOMERS)
