-- Data loss: who holds which key, which values are of another program, and the keys of authentication codes: API keys
-- that were made before a rotation are not recognised any more.

DROP TABLE IF EXISTS legacy_seals;
DROP TABLE IF EXISTS code_keys;
DROP TABLE IF EXISTS sealing_key_holders;
