-- For analysts: a role that may read and nothing else, and views. Run it as a DBA, after ALTER SESSION SET CURRENT_SCHEMA =
-- tagpipe. Views need Oracle 12.2 (DEFAULT ... ON CONVERSION ERROR). For the layout tag_values: plc_code || '.' || tag_address
-- AS tag_name in their place, FROM tag_values.
--
--   CREATE USER analyst IDENTIFIED BY "..."; GRANT CREATE SESSION, tagpipe_reader TO analyst;
CREATE ROLE tagpipe_reader;
GRANT SELECT ON tagpipe.tag_data TO tagpipe_reader;

-- Numbers as numbers; NULL where there is no number, or no value at all. Values are stored with a point, whatever the
-- session's NLS_NUMERIC_CHARACTERS are: TRANSLATE gives it the sign that TO_NUMBER expects there.
CREATE OR REPLACE VIEW tagpipe.tag_numbers AS
SELECT tag_name, timestamp, quality,
       TO_NUMBER(
         TRANSLATE(tag_value, '.', SUBSTR(TO_CHAR(0.5, 'FM0D0'), 2, 1)) DEFAULT NULL ON CONVERSION ERROR
       ) AS value
FROM tagpipe.tag_data;

-- The last value of each tag that had one within a day. Of one tag, however old: queries.sql.
CREATE OR REPLACE VIEW tagpipe.tag_last AS
SELECT tag_name, MAX(timestamp) AS timestamp,
       MAX(tag_value) KEEP (DENSE_RANK LAST ORDER BY timestamp) AS tag_value,
       MAX(quality) KEEP (DENSE_RANK LAST ORDER BY timestamp) AS quality
FROM tagpipe.tag_data
WHERE timestamp >= CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS TIMESTAMP) - INTERVAL '1' DAY
GROUP BY tag_name;

-- Stretches without a row, by tag: ask for a tag or a time, or it reads the whole table. What explains them is what
-- `python -m services.writer verify` says.
CREATE OR REPLACE VIEW tagpipe.tag_gaps AS
SELECT tag_name, previous AS gap_begin, timestamp AS gap_end,
       EXTRACT(DAY FROM timestamp - previous) * 86400 + EXTRACT(HOUR FROM timestamp - previous) * 3600
         + EXTRACT(MINUTE FROM timestamp - previous) * 60 + EXTRACT(SECOND FROM timestamp - previous) AS seconds
FROM (
  SELECT tag_name, timestamp, LAG(timestamp) OVER (PARTITION BY tag_name ORDER BY timestamp) AS previous
  FROM tagpipe.tag_data
)
WHERE previous IS NOT NULL;

GRANT SELECT ON tagpipe.tag_numbers TO tagpipe_reader;
GRANT SELECT ON tagpipe.tag_last TO tagpipe_reader;
GRANT SELECT ON tagpipe.tag_gaps TO tagpipe_reader;
