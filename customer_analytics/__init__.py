"""GroundTruth: one picture of every customer, built as Dagster assets over Snowflake and a vector store."""
