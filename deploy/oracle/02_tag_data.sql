-- The default layout (ORACLE_TABLE_LAYOUT=tag_data). Run it as the owner of the table.
-- The key comes first by name, so that one tag's history is one range of the index; the second index serves time ranges.
-- COMPRESS 1: a tag's name is stored once a block of the key. PCTFREE 0: no row is ever changed.
CREATE TABLE tag_data (
  tag_name  VARCHAR2(100) NOT NULL,
  tag_value VARCHAR2(255) NOT NULL,
  timestamp TIMESTAMP(6)  NOT NULL,
  quality   VARCHAR2(20)  NOT NULL,
  CONSTRAINT tag_data_pk PRIMARY KEY (tag_name, timestamp) USING INDEX COMPRESS 1
)
PCTFREE 0;

CREATE INDEX tag_data_timestamp_ix ON tag_data (timestamp);
