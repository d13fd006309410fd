-- Instead of 02_tag_data.sql, where a tag's history is read far more often than a time of all tags: the key is the table
-- (index-organised), so a tag's rows lie together, and there is one segment less. The price: an insert goes to the block
-- of its tag, which with thousands of tags is another one each time, and the index on time finds rows by their key.
CREATE TABLE tag_data (
  tag_name  VARCHAR2(100) NOT NULL,
  tag_value VARCHAR2(255) NOT NULL,
  timestamp TIMESTAMP(6)  NOT NULL,
  quality   VARCHAR2(20)  NOT NULL,
  CONSTRAINT tag_data_pk PRIMARY KEY (tag_name, timestamp)
)
ORGANIZATION INDEX COMPRESS 1;

CREATE INDEX tag_data_timestamp_ix ON tag_data (timestamp);
