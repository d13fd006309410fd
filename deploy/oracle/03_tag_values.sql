-- The second layout in use (ORACLE_TABLE_LAYOUT=tag_values). Run it as the owner of the table.
CREATE TABLE tag_values (
  timestamp   TIMESTAMP(6)  NOT NULL,
  plc_code    VARCHAR2(50)  NOT NULL,
  tag_address VARCHAR2(100) NOT NULL,
  tag_value   VARCHAR2(255) NOT NULL,
  quality     VARCHAR2(20)  NOT NULL,
  inserted_at TIMESTAMP(6)  DEFAULT SYSTIMESTAMP,
  CONSTRAINT tag_values_pk PRIMARY KEY (plc_code, tag_address, timestamp) USING INDEX COMPRESS 2
)
PCTFREE 0;

CREATE INDEX tag_values_timestamp_ix ON tag_values (timestamp);
