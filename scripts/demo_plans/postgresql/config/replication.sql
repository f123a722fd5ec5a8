-- Who follows, with what pg_rewind needs as well.
SET synchronous_commit = local;
SET client_min_messages = warning;
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{{cfg.replication.name}}') THEN
    CREATE ROLE "{{cfg.replication.name}}" LOGIN REPLICATION;
  END IF;
END $$;
ALTER ROLE "{{cfg.replication.name}}" PASSWORD '{{strReplace cfg.replication.password "'" "''"}}';
GRANT EXECUTE ON FUNCTION pg_ls_dir(text), pg_ls_dir(text, boolean, boolean),
  pg_stat_file(text, boolean), pg_read_binary_file(text),
  pg_read_binary_file(text, bigint, bigint, boolean) TO "{{cfg.replication.name}}";
