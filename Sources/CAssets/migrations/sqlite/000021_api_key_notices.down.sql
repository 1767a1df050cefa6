-- What was said is forgotten: it is said again.

DROP TABLE IF EXISTS api_key_notices;
