"""`python -m customer_analytics` is `customer-analytics`."""

from customer_analytics.cli import app

app()
