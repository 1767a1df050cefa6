-- What adopted CAs had signed before is lost; what of it was revoked stays.

DROP TABLE IF EXISTS adopted_certificates;
