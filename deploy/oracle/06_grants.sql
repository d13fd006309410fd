-- All that the writer needs, and nothing else: it can neither change nor delete a row, nor make a table.
-- Run it as a DBA, after the tables: whichever of them are there, partitioned or not. It can be run again.
-- The synonyms are for ORACLE_TABLE=TAG_DATA; without them: ORACLE_TABLE=TAGPIPE.TAG_DATA.
GRANT CREATE SESSION TO tagpipe_writer;

BEGIN
  FOR t IN (
    SELECT table_name FROM all_tables WHERE owner = 'TAGPIPE' AND table_name IN ('TAG_DATA', 'TAG_VALUES')
    ORDER BY table_name
  ) LOOP
    EXECUTE IMMEDIATE 'GRANT SELECT, INSERT ON tagpipe.' || t.table_name || ' TO tagpipe_writer';
    EXECUTE IMMEDIATE
      'CREATE OR REPLACE SYNONYM tagpipe_writer.' || t.table_name || ' FOR tagpipe.' || t.table_name;
  END LOOP;
END;
/
