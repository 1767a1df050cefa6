-- Data loss: local users with their passwords, every session, and which user an API key belongs to.

DROP TABLE IF EXISTS api_key_holders;
DROP TABLE IF EXISTS sessions;
DROP TABLE IF EXISTS session_signing_keys;
DROP TABLE IF EXISTS breakglass_credentials;
DROP TABLE IF EXISTS users;
