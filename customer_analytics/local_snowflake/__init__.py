"""The local Snowflake: a small server, a program of its own, that speaks Snowflake's HTTP protocol over DuckDB.

The real connector, Snowpark and `snowflake.ml.registry` talk to it with no patch on their side.
All that it keeps is one folder. See `docs/local-snowflake.md`.

- `lifecycle`: clients find, start and stop the server of a folder.
- `server`: the process: lock on the folder, port, state file, idle stop.
- `protocol`: Snowflake's HTTP requests; `sessions`: who is connected.
- `statements`: one statement from text to reply; `translation` and `functions`: Snowflake's SQL to DuckDB's.
- `stages`, `models`, `locks`, `results`, `engine`: one concern each.
- `fakesnow_patches`: the one place where fakesnow is changed from outside.
"""
