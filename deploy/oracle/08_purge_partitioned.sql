-- Retention for the partitioned tables: every night the days that are older than 90 days are dropped, at once, without
-- undo; both indexes are local and stay usable. The first partition stays (INTERVAL = 'NO'): it holds the stray rows of
-- sources whose clocks are wrong, and Oracle does not let the last one of it go.
-- Run it as a DBA, after ALTER SESSION SET CURRENT_SCHEMA = tagpipe. For the layout tag_values: the same with its name.
CREATE OR REPLACE PROCEDURE tagpipe.purge_tag_data AS
  keep_from TIMESTAMP := CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS TIMESTAMP) - INTERVAL '90' DAY;
  ends_at TIMESTAMP;
BEGIN
  FOR p IN (
    SELECT partition_name, high_value FROM user_tab_partitions
    WHERE table_name = 'TAG_DATA' AND interval = 'YES' ORDER BY partition_position
  ) LOOP
    -- high_value is a LONG with the text of an expression: TIMESTAMP' 2025-11-03 00:00:00'.
    EXECUTE IMMEDIATE 'SELECT ' || p.high_value || ' FROM dual' INTO ends_at;
    EXIT WHEN ends_at > keep_from;
    EXECUTE IMMEDIATE 'ALTER TABLE tag_data DROP PARTITION "' || p.partition_name || '"';
  END LOOP;
END;
/

BEGIN
  DBMS_SCHEDULER.CREATE_JOB(
    job_name => 'TAGPIPE.PURGE_TAG_DATA_NIGHTLY',
    job_type => 'STORED_PROCEDURE',
    job_action => 'TAGPIPE.PURGE_TAG_DATA',
    repeat_interval => 'FREQ=DAILY; BYHOUR=2; BYMINUTE=30',
    enabled => TRUE,
    comments => 'tagpipe: drops the partitions of days that are older than 90 days'
  );
END;
/
