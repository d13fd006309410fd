-- Questions that analysts ask, for the layout tag_data. Each uses an index: the key (tag_name, timestamp), or that on time.
-- Times are as they are stored: UTC where the source named its zone, else as it wrote them.

-- The last value of one tag, however old
SELECT tag_name, timestamp, tag_value, quality FROM tag_data
WHERE tag_name = 'PLC01.D100' ORDER BY timestamp DESC FETCH FIRST 1 ROW ONLY;

-- One tag's history of a shift
SELECT timestamp, tag_value, quality FROM tag_data
WHERE tag_name = 'PLC01.D100'
  AND timestamp >= TIMESTAMP '2026-03-01 06:00:00' AND timestamp < TIMESTAMP '2026-03-01 14:00:00'
ORDER BY timestamp;

-- Its mean, least and most by the minute; BAD ones left out
SELECT TRUNC(timestamp, 'MI') AS minute, COUNT(*) AS readings, MIN(TO_NUMBER(tag_value)) AS least,
       AVG(TO_NUMBER(tag_value)) AS mean, MAX(TO_NUMBER(tag_value)) AS most
FROM tag_data
WHERE tag_name = 'PLC01.D100' AND quality = 'GOOD'
  AND timestamp >= TIMESTAMP '2026-03-01 06:00:00' AND timestamp < TIMESTAMP '2026-03-01 14:00:00'
GROUP BY TRUNC(timestamp, 'MI') ORDER BY 1;

-- All tags at one moment of a poll
SELECT tag_name, tag_value, quality FROM tag_data
WHERE timestamp >= TIMESTAMP '2026-03-01 08:00:00' AND timestamp < TIMESTAMP '2026-03-01 08:00:01'
ORDER BY tag_name;

-- Rows by tag and minute: what `verify` counts
SELECT tag_name, TRUNC(timestamp, 'MI') AS minute, COUNT(*) AS readings, MIN(timestamp) AS first, MAX(timestamp) AS last
FROM tag_data
WHERE timestamp >= TIMESTAMP '2026-03-01 08:00:00' AND timestamp < TIMESTAMP '2026-03-01 09:00:00'
GROUP BY tag_name, TRUNC(timestamp, 'MI') ORDER BY 1, 2;

-- How much of each quality, by PLC, in an hour
SELECT SUBSTR(tag_name, 1, INSTR(tag_name, '.') - 1) AS plc, quality, COUNT(*) AS readings FROM tag_data
WHERE timestamp >= TIMESTAMP '2026-03-01 08:00:00' AND timestamp < TIMESTAMP '2026-03-01 09:00:00'
GROUP BY SUBSTR(tag_name, 1, INSTR(tag_name, '.') - 1), quality ORDER BY 1, 2;

-- Rows of the last ten minutes: is it written at all?
SELECT COUNT(*) FROM tag_data
WHERE timestamp >= CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS TIMESTAMP) - INTERVAL '10' MINUTE;

-- Needs 10_reader.sql: numbers, the last values of a PLC, its gaps of more than ten seconds in an hour
SELECT timestamp, value FROM tagpipe.tag_numbers
WHERE tag_name = 'PLC01.D100' AND timestamp >= TIMESTAMP '2026-03-01 08:00:00' ORDER BY timestamp;

SELECT tag_name, timestamp, tag_value, quality FROM tagpipe.tag_last WHERE tag_name LIKE 'PLC01.%' ORDER BY tag_name;

SELECT tag_name, gap_begin, gap_end, seconds FROM tagpipe.tag_gaps
WHERE tag_name LIKE 'PLC01.%' AND gap_end >= TIMESTAMP '2026-03-01 08:00:00'
  AND gap_end < TIMESTAMP '2026-03-01 09:00:00' AND seconds > 10 ORDER BY seconds DESC;
