-- Data loss: the whole inventory, with every certificate, its history and the keys of built-in authorities.

DROP TABLE IF EXISTS certificate_versions;
DROP TABLE IF EXISTS certificate_target_mappings;
DROP TABLE IF EXISTS managed_certificates;
DROP TABLE IF EXISTS deployment_targets;
DROP TABLE IF EXISTS agent_enrollment_tokens;
DROP TABLE IF EXISTS agent_liveness;
DROP TABLE IF EXISTS agents;
DROP TABLE IF EXISTS issuer_ca;
DROP TABLE IF EXISTS ca_keys;
DROP TABLE IF EXISTS issuers;
DROP TABLE IF EXISTS renewal_policies;
DROP TABLE IF EXISTS certificate_profiles;
DROP TABLE IF EXISTS owners;
DROP TABLE IF EXISTS teams;
