-- Retention for tables without partitions: every night what is older than 90 days goes, in pieces, so that undo stays
-- small and the writer never waits for long. Run it as a DBA, after ALTER SESSION SET CURRENT_SCHEMA = tagpipe.
-- The limit stands on the right side alone, so that the index on time is used; it is UTC, as times are that name a zone.
-- Where sources write local time: FROM_TZ(CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS TIMESTAMP), 'UTC') AT TIME ZONE 'Asia/Seoul'.
-- Recover backup files before their days are deleted: the key keeps duplicates out only while the first copy is there.
-- For the layout tag_values: the same with its name.
CREATE OR REPLACE PROCEDURE tagpipe.purge_tag_data AS
BEGIN
  LOOP
    DELETE FROM tag_data
    WHERE timestamp < CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS TIMESTAMP) - INTERVAL '90' DAY AND ROWNUM <= 50000;
    EXIT WHEN SQL%ROWCOUNT = 0;
    COMMIT;
  END LOOP;
  COMMIT;
END;
/

BEGIN
  DBMS_SCHEDULER.CREATE_JOB(
    job_name => 'TAGPIPE.PURGE_TAG_DATA_NIGHTLY',
    job_type => 'STORED_PROCEDURE',
    job_action => 'TAGPIPE.PURGE_TAG_DATA',
    repeat_interval => 'FREQ=DAILY; BYHOUR=2; BYMINUTE=30',
    enabled => TRUE,
    comments => 'tagpipe: deletes what is older than 90 days'
  );
END;
/
-- How it went: SELECT actual_start_date, status, additional_info FROM dba_scheduler_job_run_details
-- WHERE job_name = 'PURGE_TAG_DATA_NIGHTLY' ORDER BY 1 DESC;
