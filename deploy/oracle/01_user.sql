-- The owner of the tables: nobody logs on as it. Run it as a DBA, in the pluggable database that holds the tables.
-- A tablespace of its own is better than USERS in a plant: CREATE BIGFILE TABLESPACE tagpipe DATAFILE SIZE 100G AUTOEXTEND ON
-- NEXT 10G MAXSIZE 4T; and its name here instead. A full one stops nobody: the writer saves to backup files.
-- (NO AUTHENTICATION: Oracle 18c and newer. Before that: IDENTIFIED BY a password that nobody keeps, ACCOUNT LOCK.)
CREATE USER tagpipe NO AUTHENTICATION DEFAULT TABLESPACE users QUOTA UNLIMITED ON users;

-- Who the writer logs on as. The password is chosen when it is created, so this is for a DBA's own hands (the Compose
-- stack has its container do it):
--
--   CREATE USER tagpipe_writer IDENTIFIED BY "..." PROFILE ...;
--
-- Its rights: 06_grants.sql. See to its profile: with PASSWORD_LIFE_TIME 180, Oracle's default, the writer is locked out
-- after half a year (it then saves to backup files and says so).
