"""Snowflake's HTTP protocol: log-in, queries, sessions, and links to staged files."""

from __future__ import annotations

import gzip
import hmac
import json
import logging
import secrets
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fakesnow.dialect import parse_one
from fakesnow.expr import normalise_ident
from fakesnow.rowtype import describe_as_rowtype
from fakesnow.statement_type import DML_TYPE_IDS, SELECT, statement_type_id
from fakesnow.transforms import SERVER_VERSION
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from customer_analytics.local_snowflake import (
    bindings,
    errors,
    results,
    session_parameters,
    session_variables,
    several,
    statements,
    text_rewrites,
)
from customer_analytics.local_snowflake.engine import Connection, Engine, lost_transaction_error
from customer_analytics.local_snowflake.links import Links
from customer_analytics.local_snowflake.queries import Queries, in_progress
from customer_analytics.local_snowflake.sessions import Sessions

log = logging.getLogger(__name__)
_TIMEZONE = {"name": "TIMEZONE", "value": "Etc/UTC"}
# Snowpark then asks for no columns that it can work out itself: half of its statements are such questions.
_COLUMNS_WORKED_OUT = {"name": "PYTHON_SNOWPARK_REDUCE_DESCRIBE_QUERY_ENABLED", "value": True}
_VALID_SECONDS = 4 * 3600


class Protocol:
    """The requests of one server. `token` is what a client must give as its password."""

    def __init__(
        self,
        engine: Engine,
        token: str,
        sessions: Sessions,
        links: Links,
        record: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.engine, self.token, self.sessions, self.links, self.record = engine, token, sessions, links, record
        self.queries = Queries()
        self.started = time.time()

    def app(self) -> Starlette:
        return Starlette(
            exception_handlers={Exception: _never_500},
            routes=[
                Route("/session/v1/login-request", self.log_in, methods=["POST"]),
                Route("/session", self.close_session, methods=["POST"]),
                Route("/session/heartbeat", self.close_session, methods=["POST"]),
                Route("/session/token-request", self.renew, methods=["POST"]),
                Route("/queries/v1/query-request", self.query, methods=["POST"]),
                Route("/queries/v1/abort-request", self.abort, methods=["POST"]),
                Route("/queries/{query_id}/result", self.result, methods=["GET"]),
                Route("/monitoring/queries/{query_id}", self.monitor, methods=["GET"]),
                Route("/telemetry/send", _fine, methods=["POST"]),
                Route("/files/{path:path}", self.file, methods=["GET", "HEAD"]),
                Route("/api/{path:path}", _no_rest, methods=["GET", "POST", "PUT", "DELETE"]),
                Route("/local/status", self.status, methods=["GET"]),
            ],
        )

    # ------------------------------------------------------------------ sessions

    async def log_in(self, request: Request) -> JSONResponse:
        data = (await _body(request))["data"]
        if not hmac.compare_digest(str(data.get("PASSWORD") or "").encode(), self.token.encode()):
            return _refused("390100", "Incorrect username or password was specified.")
        query, parameters = request.query_params, data.get("SESSION_PARAMETERS") or {}
        autocommit = parameters.get("AUTOCOMMIT", True)
        database, schema = query.get("databaseName"), query.get("schemaName")
        if database and not schema:
            schema = "PUBLIC"  # every database has it, and a session that names none is in it
        try:
            connection = await run_in_threadpool(
                self.engine.connect,
                database and normalise_ident(database),
                schema and normalise_ident(schema),
                autocommit=autocommit,
            )
            session_parameters.at_log_in(connection, parameters)
        except Exception as error:
            log.exception("log-in failed")
            return _refused("390100", f"{type(error).__name__}: {error}")
        connection.links = self.links
        token = self.sessions.add(connection, request, parameters)
        return JSONResponse(
            {
                "success": True,
                "data": {
                    "token": token,
                    "masterToken": token,
                    "validityInSeconds": _VALID_SECONDS,
                    "masterValidityInSeconds": _VALID_SECONDS,
                    "sessionId": self.sessions.number(token),
                    "serverVersion": SERVER_VERSION,
                    "parameters": [
                        {"name": "AUTOCOMMIT", "value": autocommit},
                        {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
                        {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
                        _TIMEZONE,
                        _COLUMNS_WORKED_OUT,
                    ],
                    "sessionInfo": {
                        "databaseName": connection.database,
                        "schemaName": connection.schema,
                        "warehouseName": query.get("warehouse"),
                        "roleName": query.get("roleName"),
                    },
                },
            }
        )

    async def close_session(self, request: Request) -> JSONResponse:
        """POST /session?delete=true closes; a heartbeat only asks whether the session is there."""
        token = _token(request)
        if self.sessions.get(token, request) is None:
            return _gone()
        if request.query_params.get("delete"):
            await run_in_threadpool(self.sessions.close, token)
        return await _fine(request)

    async def renew(self, request: Request) -> JSONResponse:
        token = _token(request)
        if self.sessions.get(token, request) is None:
            return _gone()
        data = {
            "sessionToken": token,
            "masterToken": token,
            "validityInSecondsST": _VALID_SECONDS,
            "validityInSecondsMT": _VALID_SECONDS,
            "sessionId": self.sessions.number(token),
        }
        return JSONResponse({"success": True, "data": data})

    # ------------------------------------------------------------------ queries

    async def query(self, request: Request) -> JSONResponse:
        body = await _body(request)
        connection = self.sessions.get(_token(request), request)
        if connection is None:
            return _gone()
        asynchronous = bool(body.get("asyncExec"))
        query = self.queries.submit(
            request.query_params.get("requestId", ""), lambda i: self.run(connection, body, i), asynchronous
        )
        if asynchronous:
            return JSONResponse(in_progress(query, "333334"))
        return JSONResponse(await run_in_threadpool(self.queries.answer, query))

    def run(self, connection: Connection, body: dict[str, Any], query_id: str) -> dict[str, Any]:
        """One statement to its reply. Whatever goes wrong is an error of the statement, never of HTTP."""
        started, failure = time.time(), None
        try:
            with connection.lock:
                if why := connection.lost_transaction:
                    connection.lost_transaction = None
                    raise lost_transaction_error(why)
                mark = connection.duck.mark()
                try:
                    return self._run(connection, body, query_id)
                except Exception:
                    connection.undo(mark)
                    raise
        except Exception as error:
            failure = errors.as_snowflake(error, body["sqlText"])
            if failure.unexpected:
                log.exception("not understood: %s", body["sqlText"][:2000])
            return failure.reply()
        finally:
            if self.record:
                self.record(
                    {
                        "at": started,
                        "seconds": round(time.time() - started, 4),
                        "session": connection.number,
                        "query_tag": (body.get("parameters") or {}).get("QUERY_TAG") or connection.query_tag,
                        "sql": body["sqlText"],
                        "bindings": len(body.get("bindings") or ()),
                        "error": failure and failure.message,
                    }
                )

    def _run(self, connection: Connection, body: dict[str, Any], query_id: str) -> dict[str, Any]:
        parts = several.statements(body["sqlText"], _wanted(connection, body))
        if len(parts) > 1:
            return self._run_several(connection, body, parts, query_id)
        sql = text_rewrites.immediate(session_variables.inline(connection, body["sqlText"]))
        params, batch = _bindings(body.get("bindings"))
        cursor = connection.cursor()
        cursor.query_id = query_id
        handled = statements.dispatch(connection, cursor, sql, params)
        if isinstance(handled, dict):
            return {"data": handled, "success": True}
        if handled is not None:
            type_id = handled
        else:
            sql, params = text_rewrites.rewrite(connection, sql, params)
            type_id = statement_type_id(parse_one(sql))
            if body.get("describeOnly") and (described := cursor._describe_only(sql)) is not None:
                return _described(connection, cursor, describe_as_rowtype(described), type_id)
            if batch is not None:
                rows = bindings.for_columns(connection, parse_one(sql), batch, bindings.batch(batch))
                return self._run_batch(connection, cursor, sql, rows, type_id)
            cursor.execute(sql, binding_params=params, server=True)
        table, row_types = cursor.reply()
        if table is not None and type_id in DML_TYPE_IDS:
            rows = results.json_rows(table)
            return _reply(connection, cursor, row_types, type_id, _json(rows))
        count = table.num_rows if table is not None else 0
        payload = results.arrow_payload(table, row_types) if table is not None else ""
        data = {"queryResultFormat": "arrow", "rowsetBase64": payload, "total": count, "returned": count}
        return _reply(connection, cursor, row_types, type_id, data)

    def _run_several(
        self, connection: Connection, body: dict[str, Any], parts: list[str], query_id: str
    ) -> dict[str, Any]:
        """Statements in one text: each is run and answered by itself, the client asks for one answer after another."""
        found = []
        for part in parts:
            one = {
                **body,
                "sqlText": part,
                "parameters": {**(body.get("parameters") or {}), "MULTI_STATEMENT_COUNT": 1},
            }
            part_id = str(uuid.uuid4())
            reply = self._run(connection, one, part_id)
            self.queries.keep(part_id, reply)
            found.append((part_id, str(reply["data"].get("statementTypeId", 0))))
        data = {"resultIds": ",".join(i for i, _ in found), "resultTypes": ",".join(kind for _, kind in found)}
        cursor = connection.cursor()
        cursor.query_id = query_id
        return _reply(connection, cursor, [], several.TYPE_ID, {**_json([]), **data})

    def _run_batch(
        self, connection: Connection, cursor: statements.Cursor, sql: str, rows: list[Any], type_id: int
    ) -> dict[str, Any]:
        """One statement with an array of bindings (`executemany`): all its rows, or none."""
        duck = connection.duck
        own = not duck.in_transaction
        if own:
            duck.begin()
        try:
            cursor.execute(sql, binding_params=rows[0], server=True)  # parsed and translated once
            total = cursor.rowcount or 0
            if len(rows) > 1:
                assert cursor._last_transformed is not None
                total += bindings.run_batch(duck, cursor._last_transformed, rows[1:])
            if own:
                duck.commit()
        except BaseException:
            if own:
                duck.rollback()
            raise
        _, row_types = cursor.reply()
        return _reply(connection, cursor, row_types, type_id, _json([[str(total)]]))

    async def abort(self, request: Request) -> JSONResponse:
        connection = self.sessions.get(_token(request), request)
        if connection is not None:
            connection.duck.con.interrupt()
        return await _fine(request)

    async def monitor(self, request: Request) -> JSONResponse:
        if self.sessions.get(_token(request), request) is None:
            return _gone()
        query_id = request.path_params["query_id"]
        found = {"id": query_id, "status": self.queries.status(query_id)}
        return JSONResponse({"success": True, "data": {"queries": [found]}})

    async def result(self, request: Request) -> JSONResponse:
        """The reply of a statement that was in progress, or asynchronous."""
        if self.sessions.get(_token(request), request) is None:
            return _gone()
        query = self.queries.get(request.path_params["query_id"])
        if query is None:
            return _refused("000709", f"Statement {request.path_params['query_id']} not found")
        return JSONResponse(await run_in_threadpool(self.queries.answer, query))

    # ------------------------------------------------------------------ files and status

    async def file(self, request: Request) -> Response:
        """A staged file by a signed link. FileResponse honours Range."""
        path = self.links.resolve(request.path_params["path"], request.query_params)
        return FileResponse(path) if path else Response("This link is wrong or has expired.", status_code=403)

    async def status(self, request: Request) -> Response:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return Response(status_code=403)
        return JSONResponse(
            {
                "folder": str(self.engine.folder),
                "uptime_seconds": round(time.time() - self.started),
                "sessions": len(self.sessions),
                "memory_bytes": _resident_bytes(),
            }
        )


async def _no_rest(_: Request) -> JSONResponse:
    """snowflake.core, behind Snowpark's `session.catalog`. Not 404, which it takes for "there is no such object"."""
    message = "The local Snowflake has no REST API: use SQL (SHOW, INFORMATION_SCHEMA)"
    return JSONResponse({"code": "000002", "message": message, "error_code": "000002"}, status_code=405)


def new_token() -> str:
    return secrets.token_urlsafe(32)


async def _body(request: Request) -> dict[str, Any]:
    body = await request.body()
    return json.loads(gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body)


def _token(request: Request) -> str:
    """Authorization: Snowflake Token="..." """
    return request.headers.get("Authorization", "")[17:-1]


def _wanted(connection: Connection, body: dict[str, Any]) -> int:
    """How many statements the client says there are; 0: any number."""
    given = (body.get("parameters") or {}).get("MULTI_STATEMENT_COUNT")
    return int(connection.parameters.get("MULTI_STATEMENT_COUNT", 1) if given is None else given)


def _bindings(given: dict[str, Any] | None) -> tuple[Any, list[dict[str, Any]] | None]:
    """Parameters of a statement, or the columns of a batch."""
    if not given:
        return None, None
    if not all(key.isdigit() for key in given):
        return {key: bindings.value(binding) for key, binding in given.items()}, None
    ordered = [given[str(i)] for i in range(1, len(given) + 1)]
    if any(isinstance(binding["value"], list) for binding in ordered):
        return None, ordered
    return tuple(bindings.value(binding) for binding in ordered), None


def _reply(
    connection: Connection, cursor: statements.Cursor, row_types: Any, type_id: int, data: dict[str, Any]
) -> dict[str, Any]:
    connection.last_query_id = cursor.query_id
    return {
        "success": True,
        "data": {
            "parameters": [_TIMEZONE],
            "rowtype": row_types,
            "queryId": cursor.query_id,
            "statementTypeId": type_id,
            "numberOfBinds": 0,
            "arrayBindSupported": False,
            "finalDatabaseName": connection.database,
            "finalSchemaName": connection.schema,
            **data,
        },
    }


def _json(rows: list[Any]) -> dict[str, Any]:
    return {"queryResultFormat": "json", "rowset": rows, "total": len(rows), "returned": len(rows)}


def _described(connection: Connection, cursor: statements.Cursor, row_types: Any, type_id: int) -> dict[str, Any]:
    empty = {"queryResultFormat": "arrow", "rowsetBase64": ""} if type_id == SELECT else _json([])
    return _reply(connection, cursor, row_types, type_id, {**empty, "total": 0, "returned": 0})


def _refused(code: str, message: str) -> JSONResponse:
    return JSONResponse({"data": None, "code": code, "message": message, "success": False})


def _gone() -> JSONResponse:
    return _refused("390104", "User must login again to access the service.")


async def _fine(request: Request) -> JSONResponse:
    return JSONResponse({"success": True, "data": None, "code": None, "message": None})


async def _never_500(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", exc_info=error)
    return _refused("000002", f"{type(error).__name__}: {error}")


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    return pages * 4096
