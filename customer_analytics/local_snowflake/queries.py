"""Statements under way, so that none is run twice and none outlives a client's patience.

The connector sends a request again, with the same id, when its answer was lost: that one gets the first one's
answer. A statement that takes longer than `PATIENCE_SECONDS` is answered with "in progress" and an address to
ask again, as Snowflake does; an asynchronous one at once.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from dataclasses import dataclass, field
from typing import Any

PATIENCE_SECONDS = 40.0
KEPT_SECONDS = 300.0
KEPT_BYTES = 4_000_000
KEPT = 256
THREADS = 128

Reply = dict[str, Any]


@dataclass
class Query:
    id: str
    future: Future[Reply]
    asynchronous: bool
    started: float = field(default_factory=time.monotonic)


class Queries:
    """The statements of all sessions."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="statement")
        self._lock = threading.Lock()
        self._by_id: OrderedDict[str, Query] = OrderedDict()
        self._by_request: dict[str, str] = {}
        self._patience = patience_seconds

    def submit(self, request_id: str, run: Callable[[str], Reply], asynchronous: bool = False) -> Query:
        """Run it, unless this request is known already."""
        with self._lock:
            known = self._by_request.get(request_id)
            if known in self._by_id:
                return self._by_id[known]
            query_id = str(uuid.uuid4())
            query = Query(query_id, self._pool.submit(run, query_id), asynchronous)
            self._by_id[query_id] = query
            if request_id:
                self._by_request[request_id] = query_id
            self._forget()
        return query

    def keep(self, query_id: str, reply: Reply) -> None:
        """An answer that the client will ask for."""
        done: Future[Reply] = Future()
        done.set_result(reply)
        with self._lock:
            self._by_id[query_id] = Query(query_id, done, asynchronous=False)

    def get(self, query_id: str) -> Query | None:
        return self._by_id.get(query_id)

    def answer(self, query: Query) -> Reply:
        """Its reply when it is done in time, otherwise where to ask for it."""
        try:
            reply = query.future.result(self._patience)
        except NotDone:
            return in_progress(query, "333333")
        if not query.asynchronous and len((reply.get("data") or {}).get("rowsetBase64") or "") > KEPT_BYTES:
            with self._lock:
                self._by_id.pop(query.id, None)  # nobody asks twice for what was delivered
        return reply

    def status(self, query_id: str) -> str:
        query = self.get(query_id)
        if query is None or not query.future.done():
            return "RUNNING" if query else "NO_DATA"
        return "SUCCESS" if query.future.result().get("success") else "FAILED_WITH_ERROR"

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _forget(self) -> None:
        now = time.monotonic()
        for query_id, query in list(self._by_id.items()):
            if len(self._by_id) <= KEPT and now - query.started < KEPT_SECONDS:
                break
            if query.future.done():
                del self._by_id[query_id]
        if len(self._by_request) > 4 * KEPT:
            self._by_request = {r: q for r, q in self._by_request.items() if q in self._by_id}


def in_progress(query: Query, code: str) -> Reply:
    """333333: ask again. 333334: asynchronous, ask when you like."""
    data = {"queryId": query.id, "getResultUrl": f"/queries/{query.id}/result", "queryAbortsAfterSecs": 300}
    return {"success": True, "code": code, "message": "Query execution in progress.", "data": data}
