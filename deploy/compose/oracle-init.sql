-- Run once by the Oracle container of docker-compose.yml, as SYS in the root container, when its volume is new.
-- For partitioned tables: 04_ and 05_ in place of 02_ and 03_, then `docker compose down --volumes` and `up`.
-- No WHENEVER SQLERROR EXIT: it would end the container, which would then start again without the rest.
-- `make check` says what is missing, `docker compose logs oracle` why.
ALTER SESSION SET CONTAINER = FREEPDB1;
@/opt/tagpipe/oracle/01_user.sql
ALTER SESSION SET CURRENT_SCHEMA = tagpipe;
@/opt/tagpipe/oracle/02_tag_data.sql
@/opt/tagpipe/oracle/03_tag_values.sql
@/opt/tagpipe/oracle/06_grants.sql

-- The container has made tagpipe_writer (APP_USER) as a developer who may fill a tablespace.
REVOKE db_developer_role FROM tagpipe_writer;
ALTER USER tagpipe_writer QUOTA 0 ON users;
