-- Data loss: replies kept for repeated requests, loop due times, the check values of sealing keys, and the
-- server's TLS identity.

DROP TABLE IF EXISTS control_plane_tls;
DROP TABLE IF EXISTS sealing_keys;
DROP TABLE IF EXISTS scheduler_state;
DROP TABLE IF EXISTS scheduler_leader;
DROP TABLE IF EXISTS idempotency_keys;
