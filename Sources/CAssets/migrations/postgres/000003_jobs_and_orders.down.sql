-- Data loss: every job, and every order with the serial numbers that were allocated.

DROP TABLE IF EXISTS issuer_orders;
DROP TABLE IF EXISTS jobs;
