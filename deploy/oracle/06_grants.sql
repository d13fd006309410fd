-- All that the writer needs, and nothing else: it can neither change nor delete a row, nor make a table.
-- Run it as a DBA, after the tables. A table that is not there: take its lines out.
GRANT CREATE SESSION TO tagpipe_writer;
GRANT SELECT, INSERT ON tagpipe.tag_data TO tagpipe_writer;
GRANT SELECT, INSERT ON tagpipe.tag_values TO tagpipe_writer;

-- So that ORACLE_TABLE=TAG_DATA finds it; without them: ORACLE_TABLE=TAGPIPE.TAG_DATA.
CREATE SYNONYM tagpipe_writer.tag_data FOR tagpipe.tag_data;
CREATE SYNONYM tagpipe_writer.tag_values FOR tagpipe.tag_values;
