-- Instead of 02_tag_data.sql, for many values and a retention: a partition a day, made by Oracle when its first row
-- comes. Run it as the owner of the table. Needs the Partitioning option (Enterprise Edition, Free; not Standard).
-- Both indexes are local, so an old day is dropped without touching the others: README.md, Retention.
CREATE TABLE tag_data (
  tag_name  VARCHAR2(100) NOT NULL,
  tag_value VARCHAR2(255) NOT NULL,
  timestamp TIMESTAMP(6)  NOT NULL,
  quality   VARCHAR2(20)  NOT NULL,
  CONSTRAINT tag_data_pk PRIMARY KEY (tag_name, timestamp) USING INDEX LOCAL COMPRESS 1
)
PCTFREE 0
PARTITION BY RANGE (timestamp) INTERVAL (NUMTODSINTERVAL(1, 'DAY'))
(PARTITION tag_data_before_2025 VALUES LESS THAN (TIMESTAMP '2025-01-01 00:00:00'));

CREATE INDEX tag_data_timestamp_ix ON tag_data (timestamp) LOCAL;
