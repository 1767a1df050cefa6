-- Attempts that were counted are forgotten: every limit begins anew.

DROP TABLE IF EXISTS server_replicas;
DROP TABLE IF EXISTS rate_limit_cells;
