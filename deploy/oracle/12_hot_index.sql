-- Where several writers, or the nodes of a RAC, wait for one block ("enq: TX - index contention", "buffer busy waits",
-- "gc buffer busy" on tag_data_timestamp_ix): every new row goes to the right end of the index on time. Instead of it, as the
-- owner, one that is spread over eight ends; a range of times reads all eight. The key needs nothing: it begins with the
-- tag's name. With partitions (04) keep the index local, or no day can be dropped without a rebuild: INITRANS alone.
DROP INDEX tag_data_timestamp_ix;
CREATE INDEX tag_data_timestamp_ix ON tag_data (timestamp) INITRANS 8 GLOBAL PARTITION BY HASH (timestamp) PARTITIONS 8;
