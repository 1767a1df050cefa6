-- Accounts, orders and keys of the ACME server are lost; what was issued through it stays in the inventory.

DROP TABLE IF EXISTS acme_nonces;
DROP TABLE IF EXISTS acme_challenges;
DROP TABLE IF EXISTS acme_authorizations;
DROP TABLE IF EXISTS acme_orders;
DROP TABLE IF EXISTS acme_ended_accounts;
DROP TABLE IF EXISTS acme_accounts;
DROP TABLE IF EXISTS acme_eab_keys;
