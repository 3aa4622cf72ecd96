"""The sentiment classifier: pure modelling code. No Dagster, client, clock or environment."""
