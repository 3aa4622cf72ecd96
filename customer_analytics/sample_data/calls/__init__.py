"""43 recorded support calls of the sample business, with what was truly said: see record.py."""
