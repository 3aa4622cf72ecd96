"""What does a taxi ride cost? Read `definitions.py` from top to bottom."""
