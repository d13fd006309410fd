-- Statistics that stay cheap as the table grows: of each new day alone, put together for the whole (INCREMENTAL), and
-- published at once. Oracle's own nightly task does the rest. Run it as a DBA, once, after the tables are there.
-- Without partitions leave INCREMENTAL out. For the layout tag_values: the same with its name.
BEGIN
  DBMS_STATS.SET_TABLE_PREFS('TAGPIPE', 'TAG_DATA', 'INCREMENTAL', 'TRUE');
  DBMS_STATS.SET_TABLE_PREFS('TAGPIPE', 'TAG_DATA', 'GRANULARITY', 'AUTO');
  DBMS_STATS.SET_TABLE_PREFS('TAGPIPE', 'TAG_DATA', 'STALE_PERCENT', '5');
  DBMS_STATS.GATHER_TABLE_STATS('TAGPIPE', 'TAG_DATA');
END;
/
