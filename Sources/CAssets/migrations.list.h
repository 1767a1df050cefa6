// The migrations in order. To add one, write its files
//
//     migrations/sqlite/NNNNNN_name.up.sql      migrations/sqlite/NNNNNN_name.down.sql
//     migrations/postgres/NNNNNN_name.up.sql    migrations/postgres/NNNNNN_name.down.sql
//
// and two lines here. A file that cannot run in a transaction is called NNNNNN_name.notx.up.sql. An engine for which a
// version has nothing to do needs no files; a name without any file does not compile.

#define MIGRATION 000001_identity
#include "embed_migration.h"
#define MIGRATION 000002_inventory
#include "embed_migration.h"
#define MIGRATION 000003_jobs_and_orders
#include "embed_migration.h"
#define MIGRATION 000004_audit_and_events
#include "embed_migration.h"
#define MIGRATION 000005_infrastructure
#include "embed_migration.h"
#define MIGRATION 000006_baseline_seed
#include "embed_migration.h"
#define MIGRATION 000007_scoped_role_grants
#include "embed_migration.h"
#define MIGRATION 000008_approvals
#include "embed_migration.h"
#define MIGRATION 000009_approval_kinds
#include "embed_migration.h"
#define MIGRATION 000010_approval_requesters
#include "embed_migration.h"
#define MIGRATION 000011_approval_listing
#include "embed_migration.h"
#define MIGRATION 000012_key_lifecycle
#include "embed_migration.h"
#define MIGRATION 000013_certificate_names
#include "embed_migration.h"
#define MIGRATION 000014_audit_log
#include "embed_migration.h"
#define MIGRATION 000015_approval_decisions
#include "embed_migration.h"
#define MIGRATION 000016_request_limits
#include "embed_migration.h"
#define MIGRATION 000017_sealing_keys
#include "embed_migration.h"
#define MIGRATION 000018_local_sign_in
#include "embed_migration.h"
#define MIGRATION 000019_audit_lookup
#include "embed_migration.h"
#define MIGRATION 000020_audit_holds
#include "embed_migration.h"
#define MIGRATION 000021_api_key_notices
#include "embed_migration.h"
#define MIGRATION 000022_revocation
#include "embed_migration.h"
#define MIGRATION 000023_ocsp
#include "embed_migration.h"
#define MIGRATION 000024_operations
#include "embed_migration.h"
#define MIGRATION 000025_acme_server
#include "embed_migration.h"
#define MIGRATION 000026_profile_rules
#include "embed_migration.h"
#define MIGRATION 000027_version_keys
#include "embed_migration.h"
#define MIGRATION 000028_hierarchy
#include "embed_migration.h"
#define MIGRATION 000029_acme_perspectives
#include "embed_migration.h"
#define MIGRATION 000030_cross_certificates
#include "embed_migration.h"
#define MIGRATION 000031_trust_holdings
#include "embed_migration.h"
#define MIGRATION 000032_adopted_certificates
#include "embed_migration.h"
