-- Data loss: tenants, roles, grants, API keys and the record that a first administrator exists.

DROP TABLE IF EXISTS bootstrap_state;
DROP TABLE IF EXISTS api_keys;
DROP TABLE IF EXISTS actor_roles;
DROP TABLE IF EXISTS role_permissions;
DROP TABLE IF EXISTS permissions;
DROP TABLE IF EXISTS roles;
DROP TABLE IF EXISTS tenants;
