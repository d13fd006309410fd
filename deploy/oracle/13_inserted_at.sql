-- When each row came into the table, by Oracle's clock: wanted, or not. The writer leaves the column alone, its default
-- fills it; check takes it as it is. tag_values has it already. About 8 bytes a row. Run it as the owner.
ALTER TABLE tag_data ADD (inserted_at TIMESTAMP(6) DEFAULT SYSTIMESTAMP);
