-- Responders and signed answers are lost: the previous release has no use for them, and a later one makes new ones.

DROP TABLE IF EXISTS ocsp_response_cache;
DROP TABLE IF EXISTS ocsp_responders;
