"""Jobs in SQLite: what was accepted is there after a crash. One process at a time holds the file."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delineate.errors import ResourceError

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
FINAL = (DONE, FAILED, CANCELLED)
MOST_ATTEMPTS = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  id TEXT PRIMARY KEY, state TEXT NOT NULL, model TEXT NOT NULL, who TEXT NOT NULL, params TEXT NOT NULL, files TEXT NOT NULL,
  sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, created REAL NOT NULL, started REAL, finished REAL,
  attempts INTEGER NOT NULL DEFAULT 0, problem TEXT
);
CREATE INDEX IF NOT EXISTS by_state ON jobs (state, created);
"""


@dataclass(frozen=True)
class Record:
    """A row. ``files`` are names inside the job's input folder; times are seconds since 1970."""

    id: str
    state: str
    model: str
    who: str
    params: dict[str, Any]
    files: list[str]
    sha256: str
    bytes: int
    created: float
    started: float | None = None
    finished: float | None = None
    attempts: int = 0
    problem: dict[str, Any] | None = None


class JobTable:
    """Every method is one transaction and safe to call from any thread."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
            self._db.execute("BEGIN IMMEDIATE")  # takes the lock, which exclusive mode keeps
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise ResourceError("state-in-use", path=path.parent) from None
            raise ResourceError("cannot-write", path=path, reason=str(error)) from None
        except sqlite3.DatabaseError as error:
            raise ResourceError("state-damaged", path=path, reason=str(error)) from None

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def add(self, job: Record) -> None:
        self._write(
            "INSERT INTO jobs (id, state, model, who, params, files, sha256, bytes, created) VALUES (?,?,?,?,?,?,?,?,?)",
            job.id, job.state, job.model, job.who, json.dumps(job.params), json.dumps(job.files), job.sha256, job.bytes,
            job.created,
        )  # fmt: skip

    def get(self, name: str) -> Record | None:
        rows = self._read("SELECT * FROM jobs WHERE id = ?", name)
        return rows[0] if rows else None

    def claim(self) -> Record | None:
        """The oldest queued job, now running; ``None`` where there is none."""
        with self._lock:
            row = self._db.execute("SELECT * FROM jobs WHERE state = ? ORDER BY created, id LIMIT 1", (QUEUED,)).fetchone()
            if row is None:
                return None
            self._db.execute(
                "UPDATE jobs SET state = ?, started = ?, attempts = attempts + 1 WHERE id = ?", (RUNNING, time.time(), row["id"])
            )
        return self.get(row["id"])

    def finish(self, name: str, state: str, problem: dict[str, Any] | None = None) -> bool:
        """End a running or queued job; False where it is gone or ended already."""
        text = None if problem is None else json.dumps(problem)
        return self._write(
            "UPDATE jobs SET state = ?, finished = ?, problem = ? WHERE id = ? AND state IN (?, ?)",
            state, time.time(), text, name, RUNNING, QUEUED,
        ) == 1  # fmt: skip

    def release(self, name: str) -> None:
        """Back to the queue: the server closes, and nothing is the job's fault."""
        self._write(
            "UPDATE jobs SET state = ?, started = NULL, attempts = attempts - 1 WHERE id = ? AND state = ?", QUEUED, name, RUNNING
        )

    def recover(self) -> list[str]:
        """After a crash: what was running is queued again, or failed where that happened too often. Gives the ids of the latter."""
        problem = json.dumps({"code": "job-crashed", "status": 422, "params": {"n": MOST_ATTEMPTS}})
        crashed = [job.id for job in self._read("SELECT * FROM jobs WHERE state = ? AND attempts >= ?", RUNNING, MOST_ATTEMPTS)]
        self._write(
            "UPDATE jobs SET state = ?, finished = ?, problem = ? WHERE state = ? AND attempts >= ?",
            FAILED, time.time(), problem, RUNNING, MOST_ATTEMPTS,
        )  # fmt: skip
        self._write("UPDATE jobs SET state = ?, started = NULL WHERE state = ?", QUEUED, RUNNING)
        return crashed

    def delete(self, name: str) -> bool:
        return self._write("DELETE FROM jobs WHERE id = ?", name) == 1

    def counts(self) -> dict[str, float]:
        with self._lock:
            rows = self._db.execute("SELECT state, COUNT(*) AS n FROM jobs GROUP BY state").fetchall()
        return {**dict.fromkeys((QUEUED, RUNNING, DONE, FAILED), 0.0), **{row["state"]: float(row["n"]) for row in rows}}

    def ids(self) -> set[str]:
        with self._lock:
            return {row["id"] for row in self._db.execute("SELECT id FROM jobs")}

    def older(self, moment: float) -> list[str]:
        """Jobs that ended before ``moment``."""
        return [job.id for job in self._read("SELECT * FROM jobs WHERE finished IS NOT NULL AND finished < ?", moment)]

    def _read(self, statement: str, *values: Any) -> list[Record]:
        with self._lock:
            rows = self._db.execute(statement, values).fetchall()
        return [_record(row) for row in rows]

    def _write(self, statement: str, *values: Any) -> int:
        try:
            with self._lock:
                return self._db.execute(statement, values).rowcount
        except sqlite3.OperationalError as error:
            raise ResourceError("cannot-write", path="jobs", reason=str(error)) from None


def _record(row: sqlite3.Row) -> Record:
    values = dict(row)
    for name in ("params", "files", "problem"):
        values[name] = None if values[name] is None else json.loads(values[name])
    return Record(**values)
