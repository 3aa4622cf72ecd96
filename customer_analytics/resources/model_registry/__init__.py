"""The model registry: Snowflake's own, on the account or on the local Snowflake."""
