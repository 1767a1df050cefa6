-- Data loss: what profiles say about kinds of names, subject, period, policies, reuse of keys, defaults and ACME.

ALTER TABLE certificate_profiles DROP CONSTRAINT IF EXISTS certificate_profiles_default_ttl_range;
ALTER TABLE certificate_profiles DROP CONSTRAINT IF EXISTS certificate_profiles_backdate_range;
ALTER TABLE certificate_profiles DROP CONSTRAINT IF EXISTS certificate_profiles_key_reuse_enum;
ALTER TABLE certificate_profiles DROP CONSTRAINT IF EXISTS certificate_profiles_max_sans_range;
ALTER TABLE certificate_profiles DROP CONSTRAINT IF EXISTS certificate_profiles_acme_perspective_quorum_range;
ALTER TABLE certificate_profiles DROP CONSTRAINT IF EXISTS certificate_profiles_acme_orders_range;
ALTER TABLE certificate_profiles DROP CONSTRAINT IF EXISTS certificate_profiles_issuer_fkey;
ALTER TABLE certificate_profiles DROP CONSTRAINT IF EXISTS certificate_profiles_owner_fkey;
ALTER TABLE certificate_profiles DROP CONSTRAINT IF EXISTS certificate_profiles_team_fkey;
ALTER TABLE certificate_profiles DROP CONSTRAINT IF EXISTS certificate_profiles_renewal_policy_fkey;
DROP INDEX IF EXISTS certificate_profiles_issuer_id_idx;
DROP INDEX IF EXISTS certificate_profiles_owner_id_idx;
DROP INDEX IF EXISTS certificate_profiles_team_id_idx;
DROP INDEX IF EXISTS certificate_profiles_renewal_policy_id_idx;
ALTER TABLE certificate_profiles
    DROP COLUMN IF EXISTS renewal_policy_id,
    DROP COLUMN IF EXISTS team_id,
    DROP COLUMN IF EXISTS owner_id,
    DROP COLUMN IF EXISTS issuing_ca_id,
    DROP COLUMN IF EXISTS issuer_id,
    DROP COLUMN IF EXISTS acme_orders_per_hour,
    DROP COLUMN IF EXISTS acme_perspective_quorum,
    DROP COLUMN IF EXISTS acme_perspectives,
    DROP COLUMN IF EXISTS acme_profiles,
    DROP COLUMN IF EXISTS acme_preauthorization,
    DROP COLUMN IF EXISTS acme_allow_single_label,
    DROP COLUMN IF EXISTS acme_allow_wildcards,
    DROP COLUMN IF EXISTS acme_challenge_types,
    DROP COLUMN IF EXISTS acme_require_eab,
    DROP COLUMN IF EXISTS max_sans,
    DROP COLUMN IF EXISTS must_staple_on_request,
    DROP COLUMN IF EXISTS name_constraints,
    DROP COLUMN IF EXISTS key_usages,
    DROP COLUMN IF EXISTS policy_oids,
    DROP COLUMN IF EXISTS eku_critical,
    DROP COLUMN IF EXISTS key_reuse,
    DROP COLUMN IF EXISTS backdate_seconds,
    DROP COLUMN IF EXISTS default_ttl_seconds,
    DROP COLUMN IF EXISTS subject_policy,
    DROP COLUMN IF EXISTS allowed_san_types;
