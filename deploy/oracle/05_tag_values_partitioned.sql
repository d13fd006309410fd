-- Instead of 03_tag_values.sql, for many values and a retention: as 04_tag_data_partitioned.sql.
CREATE TABLE tag_values (
  timestamp   TIMESTAMP(6)  NOT NULL,
  plc_code    VARCHAR2(50)  NOT NULL,
  tag_address VARCHAR2(100) NOT NULL,
  tag_value   VARCHAR2(255) NOT NULL,
  quality     VARCHAR2(20)  NOT NULL,
  inserted_at TIMESTAMP(6)  DEFAULT SYSTIMESTAMP,
  CONSTRAINT tag_values_pk PRIMARY KEY (plc_code, tag_address, timestamp) USING INDEX LOCAL COMPRESS 2
)
PCTFREE 0
PARTITION BY RANGE (timestamp) INTERVAL (NUMTODSINTERVAL(1, 'DAY'))
(PARTITION tag_values_before_2025 VALUES LESS THAN (TIMESTAMP '2025-01-01 00:00:00'));

CREATE INDEX tag_values_timestamp_ix ON tag_values (timestamp) LOCAL;
