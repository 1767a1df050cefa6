-- Data loss: local users with their passwords, every session, and which API keys open no session.

ALTER TABLE api_key_custody DROP COLUMN IF EXISTS may_not_login;
DROP TABLE IF EXISTS sessions;
DROP TABLE IF EXISTS session_signing_keys;
DROP TABLE IF EXISTS breakglass_credentials;
DROP TABLE IF EXISTS users;
