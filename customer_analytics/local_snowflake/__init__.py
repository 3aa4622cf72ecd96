"""The local Snowflake: a small server, a program of its own, that speaks Snowflake's HTTP protocol over DuckDB.

The real connector, Snowpark and `snowflake.ml.registry` talk to it with no patch on their side.
All that it keeps is one folder. See `docs/local-snowflake.md`.

- `lifecycle`: clients find, start and stop the server of a folder.
- `server`: the process: lock on the folder, port, state file, idle stop.
- `protocol`: Snowflake's HTTP requests; `sessions`: who is connected.
- `several`, `session_variables`, `text_rewrites`: the text before it is parsed; `bindings`: bound values.
- `statements`: one statement from text to reply; `translation`: its tree from Snowflake's SQL to DuckDB's, with
  `snowflake_types`, `column_types`, `values`, `conversions`, `functions`, `pivots` and `semi_structured`.
- `table_definitions`, `databases`, `session_parameters`, `catalogue_answers`, `object_times`: DDL, sessions and SHOW.
- `stages`, `staged_files`, `file_formats`, `csv_files`, `copy_into_table`, `copy_into_stage`, `load_history`,
  `links`: files.
- `models`, `locks`, `results`, `errors`, `engine`, `duck` (transactions): one concern each.
- `fakesnow_patches`: the one place where fakesnow is changed from outside.
"""
