"""What the project needs in a Snowflake account: made by `customer-analytics snowflake setup`, removed by `teardown`.

`plan` says which statements; `account` runs them, and knows what setup has made by the mark in its comment.
"""

from customer_analytics.snowflake_setup.account import SetupError, leftovers, setup, teardown
from customer_analytics.snowflake_setup.plan import Names, Statement, as_script, setup_statements, teardown_script

__all__ = [
    "Names", "SetupError", "Statement", "as_script", "leftovers", "setup", "setup_statements", "teardown",
    "teardown_script",
]  # fmt: skip
