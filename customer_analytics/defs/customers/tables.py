"""Who the customers are and what they ordered."""

from customer_analytics.table_assets import Measure, SnowparkFrame, table_asset, table_checks
from customer_analytics.tables import CUSTOMERS, ORDERS
from customer_analytics.transforms import customers as build


@table_asset(ORDERS)
def orders(stg_orders: SnowparkFrame, stg_payments: SnowparkFrame) -> SnowparkFrame:
    return build.orders(stg_orders, stg_payments)


@table_asset(CUSTOMERS)
def customers(stg_customers: SnowparkFrame, orders: SnowparkFrame) -> SnowparkFrame:
    return build.customers(stg_customers, orders)


checks = [
    *table_checks(
        ORDERS,
        Measure(
            "every_payment_is_counted_once",
            "Cents paid = cents in ORDERS + cents for unknown orders; the difference in cents.",
            "(SELECT ABS((SELECT COALESCE(SUM(AMOUNT), 0) FROM STG_PAYMENTS) "
            "- (SELECT COALESCE(SUM(AMOUNT), 0) * 100 FROM ORDERS) "
            "- (SELECT COALESCE(SUM(AMOUNT), 0) FROM STG_PAYMENTS P "
            "WHERE NOT EXISTS (SELECT 1 FROM STG_ORDERS O WHERE O.ORDER_ID = P.ORDER_ID))))",
            scalar=True,
        ),
        Measure(
            "every_order_is_kept",
            "ORDERS has the orders of STG_ORDERS; the difference in rows.",
            "(SELECT ABS((SELECT COUNT(*) FROM STG_ORDERS) - (SELECT COUNT(*) FROM ORDERS)))",
            scalar=True,
        ),
    ),
    *table_checks(
        CUSTOMERS,
        Measure(
            "every_customer_is_kept",
            "CUSTOMERS has the customers of STG_CUSTOMERS; the difference in rows.",
            "(SELECT ABS((SELECT COUNT(*) FROM STG_CUSTOMERS) - (SELECT COUNT(*) FROM CUSTOMERS)))",
            scalar=True,
        ),
    ),
]
