"""Links to staged files: signed, with an expiry, good for nobody without the signature."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

MAX_SECONDS = 7 * 24 * 3600


class Links:
    """Links to the files under one folder, served at `base_url`."""

    def __init__(self, folder: Path, base_url: str, key: str) -> None:
        self.folder, self.base_url, self._key = folder.resolve(), base_url, key.encode()
        self._functions: dict[str, Any] = {}
        self._functions_lock = threading.Lock()
        self._keeper: Any = None

    def plain(self, path: Path) -> str:
        """An address that says where a file is, and opens nothing."""
        return f"{self.base_url}/files/{quote(path.resolve().relative_to(self.folder).as_posix())}"

    def signed(self, relative: str, seconds: float) -> str:
        """A link to a file that opens it until `seconds` from now."""
        expires = int(time.time() + min(max(seconds, 0), MAX_SECONDS))
        return f"{self.base_url}/files/{quote(relative)}?expires={expires}&signature={self._sign(relative, expires)}"

    def function(self, session: Connection, folder: Path) -> str:
        """The name of a DuckDB function (path, seconds) -> link to that file of the folder, for this session."""
        import duckdb.sqltypes as types

        below = folder.resolve().relative_to(self.folder).as_posix()
        name = "local_link_" + hashlib.md5(below.encode(), usedforsecurity=False).hexdigest()[:12]
        with self._functions_lock:
            if name not in self._functions:
                # A function belongs to the whole database, but dies with the connection that made it, and
                # whoever calls it then takes the process down: so one connection of its own keeps them all.
                if self._keeper is None:
                    self._keeper = session.engine.duck_conn.cursor()  # a session that closes closes its cursors

                def link(path: str, seconds: int) -> str:
                    return self.signed(f"{below}/{path.lstrip('/')}", seconds)

                parameters = [types.VARCHAR, types.BIGINT]
                self._keeper.create_function(name, link, parameters, types.VARCHAR, side_effects=True)
                self._functions[name] = link  # DuckDB holds no reference of its own
        return name

    def resolve(self, relative: str, query: Mapping[str, str]) -> Path | None:
        """The file of a link; None when the signature is wrong, it has expired or the file is gone."""
        expires = query.get("expires", "")
        if not expires.isdigit() or int(expires) < time.time():
            return None
        if not hmac.compare_digest(self._sign(relative, int(expires)), query.get("signature", "")):
            return None
        path = (self.folder / relative).resolve()
        return path if path.is_relative_to(self.folder) and path.is_file() else None

    def _sign(self, relative: str, expires: int) -> str:
        return hmac.new(self._key, f"{expires}:{relative}".encode(), hashlib.sha256).hexdigest()
