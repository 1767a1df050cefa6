-- Attempts under way are made again; what agents said is in the audit log.

DROP TABLE IF EXISTS acme_perspective_checks;
