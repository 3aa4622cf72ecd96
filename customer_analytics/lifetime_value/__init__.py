"""Predicted lifetime value: what each customer will spend in the days to come. Pure modelling: no Dagster."""
