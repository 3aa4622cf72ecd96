"""`python -m customer_analytics.local_snowflake --folder FOLDER` serves one folder."""

from customer_analytics.local_snowflake.server import main

main()
