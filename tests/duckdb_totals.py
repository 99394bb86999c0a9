"""The totals of a report worked out by another program: DuckDB over the exported tables, nothing of ours.

    python -m tests.duckdb_totals FOLDER

FOLDER holds what `broadcaster airtime export` wrote. Only airings' times and the journal's lines are read: not our
verdicts, not our minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

Row = tuple[object, ...]

# What sounded of each airing: the union of its ended spans, never more than its own length. A box's own lines count
# before what a person typed in; a line typed in counts until one that takes it back.
PLAYED = """
CREATE MACRO dmin(ms) AS ((ms + 3000) // 6000)::BIGINT;
CREATE VIEW airings AS SELECT * FROM read_csv('{folder}/airings.csv', header = true, all_varchar = true);
CREATE VIEW journal AS SELECT * FROM read_csv('{folder}/journal.csv', header = true, all_varchar = true);
CREATE TABLE played AS
WITH told AS (
    SELECT station, airing, event, seq::BIGINT AS seq, coalesce(declared_by, '') <> '' AS is_typed,
           coalesce(stand_in, '') <> '' AS is_stand_in,
           epoch_ms(started_at::TIMESTAMPTZ) AS begin_ms,
           epoch_ms(started_at::TIMESTAMPTZ) + output_ms::BIGINT AS end_ms
    FROM journal
), weighed AS (
    SELECT *, bool_or(NOT is_typed) OVER (PARTITION BY station, airing) AS has_own,
           max(CASE WHEN is_typed AND event = 'skip' THEN seq ELSE 0 END)
               OVER (PARTITION BY station, airing) AS taken_back
    FROM told
), spans AS (
    SELECT station, airing, begin_ms, end_ms,
           max(end_ms) OVER (PARTITION BY station, airing ORDER BY begin_ms, end_ms
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ms
    FROM weighed
    WHERE event = 'end' AND NOT is_stand_in
      AND (CASE WHEN has_own THEN NOT is_typed ELSE seq > taken_back END)
), sounded AS (
    SELECT station, airing, sum(greatest(0, end_ms - greatest(begin_ms, coalesce(before_ms, begin_ms)))) AS ms
    FROM spans GROUP BY station, airing
)
SELECT a.station, a.airing, coalesce(a."column", '') AS theme, a.programme, a.is_repeat = '1' AS is_repeat,
       a.duration_ms::BIGINT AS duration_ms, least(a.duration_ms::BIGINT, coalesce(s.ms, 0))::BIGINT AS played_ms
FROM airings a LEFT JOIN sounded s ON s.station = a.station AND s.airing = a.airing
"""
STATIONS = """
SELECT station, count(*), dmin(sum(duration_ms)), dmin(sum(played_ms)) FROM played GROUP BY 1 ORDER BY 1
"""
COLUMNS = """
SELECT theme, count(*) FILTER (played_ms > 0),
       dmin(sum(CASE WHEN is_repeat THEN 0 ELSE played_ms END)),
       dmin(sum(CASE WHEN is_repeat THEN played_ms ELSE 0 END)),
       count(DISTINCT station) FILTER (played_ms > 0)
FROM played GROUP BY 1 ORDER BY 1
"""


def read_totals(folder: Path) -> tuple[list[Row], list[Row]]:
    """Work out the totals.

    Returns:
        By station: id, airings, planned and played tenths of minutes. By column ("" for none): id, airings that
        sounded, new and repeated tenths of minutes, stations that played it.
    """
    with duckdb.connect() as connection:
        connection.execute(PLAYED.replace("{folder}", str(folder).replace("'", "''")))
        return connection.execute(STATIONS).fetchall(), connection.execute(COLUMNS).fetchall()


if __name__ == "__main__":
    for table in read_totals(Path(sys.argv[1])):
        sys.stdout.writelines("\t".join(map(str, row)) + "\n" for row in table)
