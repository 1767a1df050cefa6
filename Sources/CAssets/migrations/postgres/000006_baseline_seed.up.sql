-- The rows every installation starts with. Applied once: what an operator removes stays removed, also when the ledger
-- is lost and everything runs again. The row of scheduler_leader, written last, says that it has been applied.

INSERT INTO tenants (id, name)
SELECT column1, column2 FROM (VALUES
    ('t-default', 'default')
) AS seed
WHERE NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO roles (id, tenant_id, name, description)
SELECT column1, column2, column3, column4 FROM (VALUES
    ('r-admin', 't-default', 'admin', 'Everything'),
    ('r-operator', 't-default', 'operator', 'Day-to-day certificate operations'),
    ('r-viewer', 't-default', 'viewer', 'Read-only access'),
    ('r-agent', 't-default', 'agent', 'Work of one enrolled agent'),
    ('r-mcp', 't-default', 'mcp', 'Tools acting through the MCP server'),
    ('r-cli', 't-default', 'cli', 'Automation through the command line'),
    ('r-auditor', 't-default', 'auditor', 'Reading and exporting the audit trail')
) AS seed
WHERE NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO permissions (id, name, namespace)
SELECT column1, column2, column3 FROM (VALUES
    ('p-cert.read', 'cert.read', 'cert'),
    ('p-cert.issue', 'cert.issue', 'cert'),
    ('p-cert.revoke', 'cert.revoke', 'cert'),
    ('p-cert.delete', 'cert.delete', 'cert'),
    ('p-cert.bulk_revoke', 'cert.bulk_revoke', 'cert'),
    ('p-cert.edit', 'cert.edit', 'cert'),
    ('p-profile.read', 'profile.read', 'profile'),
    ('p-profile.edit', 'profile.edit', 'profile'),
    ('p-profile.delete', 'profile.delete', 'profile'),
    ('p-issuer.read', 'issuer.read', 'issuer'),
    ('p-issuer.edit', 'issuer.edit', 'issuer'),
    ('p-issuer.delete', 'issuer.delete', 'issuer'),
    ('p-target.read', 'target.read', 'target'),
    ('p-target.edit', 'target.edit', 'target'),
    ('p-target.delete', 'target.delete', 'target'),
    ('p-agent.read', 'agent.read', 'agent'),
    ('p-agent.edit', 'agent.edit', 'agent'),
    ('p-agent.retire', 'agent.retire', 'agent'),
    ('p-agent.heartbeat', 'agent.heartbeat', 'agent'),
    ('p-agent.job.poll', 'agent.job.poll', 'agent.job'),
    ('p-agent.job.complete', 'agent.job.complete', 'agent.job'),
    ('p-agent.job.report', 'agent.job.report', 'agent.job'),
    ('p-job.read', 'job.read', 'job'),
    ('p-job.cancel', 'job.cancel', 'job'),
    ('p-approval.read', 'approval.read', 'approval'),
    ('p-approval.approve', 'approval.approve', 'approval'),
    ('p-approval.reject', 'approval.reject', 'approval'),
    ('p-policy.read', 'policy.read', 'policy'),
    ('p-policy.edit', 'policy.edit', 'policy'),
    ('p-policy.delete', 'policy.delete', 'policy'),
    ('p-team.read', 'team.read', 'team'),
    ('p-team.edit', 'team.edit', 'team'),
    ('p-team.delete', 'team.delete', 'team'),
    ('p-owner.read', 'owner.read', 'owner'),
    ('p-owner.edit', 'owner.edit', 'owner'),
    ('p-owner.delete', 'owner.delete', 'owner'),
    ('p-notification.read', 'notification.read', 'notification'),
    ('p-notification.edit', 'notification.edit', 'notification'),
    ('p-discovery.read', 'discovery.read', 'discovery'),
    ('p-discovery.run', 'discovery.run', 'discovery'),
    ('p-discovery.claim', 'discovery.claim', 'discovery'),
    ('p-network_scan.read', 'network_scan.read', 'network_scan'),
    ('p-network_scan.edit', 'network_scan.edit', 'network_scan'),
    ('p-network_scan.run', 'network_scan.run', 'network_scan'),
    ('p-healthcheck.read', 'healthcheck.read', 'healthcheck'),
    ('p-healthcheck.edit', 'healthcheck.edit', 'healthcheck'),
    ('p-healthcheck.delete', 'healthcheck.delete', 'healthcheck'),
    ('p-healthcheck.acknowledge', 'healthcheck.acknowledge', 'healthcheck'),
    ('p-digest.read', 'digest.read', 'digest'),
    ('p-digest.send', 'digest.send', 'digest'),
    ('p-verification.read', 'verification.read', 'verification'),
    ('p-verification.run', 'verification.run', 'verification'),
    ('p-stats.read', 'stats.read', 'stats'),
    ('p-metrics.read', 'metrics.read', 'metrics'),
    ('p-audit.read', 'audit.read', 'audit'),
    ('p-audit.export', 'audit.export', 'audit'),
    ('p-crl.admin', 'crl.admin', 'crl'),
    ('p-scep.admin', 'scep.admin', 'scep'),
    ('p-est.admin', 'est.admin', 'est'),
    ('p-ca.hierarchy.manage', 'ca.hierarchy.manage', 'ca.hierarchy'),
    ('p-auth.role.list', 'auth.role.list', 'auth.role'),
    ('p-auth.role.create', 'auth.role.create', 'auth.role'),
    ('p-auth.role.edit', 'auth.role.edit', 'auth.role'),
    ('p-auth.role.delete', 'auth.role.delete', 'auth.role'),
    ('p-auth.role.assign', 'auth.role.assign', 'auth.role'),
    ('p-auth.role.revoke', 'auth.role.revoke', 'auth.role'),
    ('p-auth.key.list', 'auth.key.list', 'auth.key'),
    ('p-auth.key.create', 'auth.key.create', 'auth.key'),
    ('p-auth.key.rotate', 'auth.key.rotate', 'auth.key'),
    ('p-auth.key.delete', 'auth.key.delete', 'auth.key'),
    ('p-auth.bootstrap.use', 'auth.bootstrap.use', 'auth.bootstrap'),
    ('p-auth.session.list', 'auth.session.list', 'auth.session'),
    ('p-auth.session.list.all', 'auth.session.list.all', 'auth.session.list'),
    ('p-auth.session.revoke', 'auth.session.revoke', 'auth.session'),
    ('p-auth.oidc.list', 'auth.oidc.list', 'auth.oidc'),
    ('p-auth.oidc.create', 'auth.oidc.create', 'auth.oidc'),
    ('p-auth.oidc.edit', 'auth.oidc.edit', 'auth.oidc'),
    ('p-auth.oidc.delete', 'auth.oidc.delete', 'auth.oidc'),
    ('p-auth.breakglass.admin', 'auth.breakglass.admin', 'auth.breakglass'),
    ('p-auth.breakglass.login', 'auth.breakglass.login', 'auth.breakglass'),
    ('p-auth.user.read', 'auth.user.read', 'auth.user'),
    ('p-auth.user.deactivate', 'auth.user.deactivate', 'auth.user'),
    ('p-cert.export_key', 'cert.export_key', 'cert'),
    ('p-ca.key.use', 'ca.key.use', 'ca.key'),
    ('p-audit.verify', 'audit.verify', 'audit'),
    ('p-audit.checkpoint', 'audit.checkpoint', 'audit'),
    ('p-auth.user.edit', 'auth.user.edit', 'auth.user'),
    ('p-auth.user.purge', 'auth.user.purge', 'auth.user'),
    ('p-auth.scim.use', 'auth.scim.use', 'auth.scim'),
    ('p-auth.policy.edit', 'auth.policy.edit', 'auth.policy'),
    ('p-auth.elevate', 'auth.elevate', 'auth'),
    ('p-auth.runtime.read', 'auth.runtime.read', 'auth.runtime'),
    ('p-auth.demo.cleanup', 'auth.demo.cleanup', 'auth.demo'),
    ('p-crypto.rekey', 'crypto.rekey', 'crypto'),
    ('p-tenant.manage', 'tenant.manage', 'tenant'),
    ('p-job.retry', 'job.retry', 'job'),
    ('p-acme.admin', 'acme.admin', 'acme'),
    ('p-scheduler.admin', 'scheduler.admin', 'scheduler')
) AS seed
WHERE NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT 'r-admin', id FROM permissions
WHERE NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT 'r-operator', id FROM permissions
WHERE id IN (
        'p-cert.read', 'p-cert.issue', 'p-cert.revoke', 'p-cert.delete', 'p-cert.edit', 'p-profile.read',
        'p-profile.edit', 'p-issuer.read', 'p-issuer.edit', 'p-target.read', 'p-target.edit', 'p-target.delete',
        'p-agent.read', 'p-agent.edit', 'p-job.read', 'p-job.cancel', 'p-approval.read', 'p-approval.approve',
        'p-approval.reject', 'p-policy.read', 'p-policy.edit', 'p-policy.delete', 'p-team.read', 'p-team.edit',
        'p-team.delete', 'p-owner.read', 'p-owner.edit', 'p-owner.delete', 'p-notification.read',
        'p-notification.edit', 'p-discovery.read', 'p-discovery.run', 'p-discovery.claim', 'p-network_scan.read',
        'p-network_scan.edit', 'p-network_scan.run', 'p-healthcheck.read', 'p-healthcheck.edit',
        'p-healthcheck.delete', 'p-healthcheck.acknowledge', 'p-digest.read', 'p-digest.send',
        'p-verification.read', 'p-verification.run', 'p-stats.read', 'p-metrics.read', 'p-audit.read',
        'p-auth.user.read', 'p-job.retry'
)
    AND NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT 'r-viewer', id FROM permissions
WHERE id IN (
        'p-cert.read', 'p-profile.read', 'p-issuer.read', 'p-target.read', 'p-agent.read', 'p-job.read',
        'p-approval.read', 'p-policy.read', 'p-team.read', 'p-owner.read', 'p-notification.read',
        'p-discovery.read', 'p-network_scan.read', 'p-healthcheck.read', 'p-digest.read', 'p-verification.read',
        'p-stats.read', 'p-metrics.read', 'p-audit.read'
)
    AND NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT 'r-agent', id FROM permissions
WHERE id IN (
        'p-cert.read', 'p-agent.heartbeat', 'p-agent.job.poll', 'p-agent.job.complete', 'p-agent.job.report',
        'p-discovery.run', 'p-verification.run'
)
    AND NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT 'r-mcp', id FROM permissions
WHERE id IN (
        'p-cert.read', 'p-cert.issue', 'p-cert.revoke', 'p-cert.edit', 'p-profile.read', 'p-profile.edit',
        'p-issuer.read', 'p-issuer.edit', 'p-target.read', 'p-target.edit', 'p-agent.read', 'p-job.read',
        'p-job.cancel', 'p-approval.read', 'p-approval.reject', 'p-policy.read', 'p-team.read', 'p-owner.read',
        'p-notification.read', 'p-notification.edit', 'p-discovery.read', 'p-discovery.claim',
        'p-network_scan.read', 'p-network_scan.run', 'p-healthcheck.read', 'p-healthcheck.acknowledge',
        'p-digest.read', 'p-verification.read', 'p-verification.run', 'p-stats.read', 'p-metrics.read',
        'p-audit.read'
)
    AND NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT 'r-cli', id FROM permissions
WHERE id IN (
        'p-cert.read', 'p-cert.issue', 'p-cert.revoke', 'p-cert.delete', 'p-cert.edit', 'p-profile.read',
        'p-profile.edit', 'p-issuer.read', 'p-issuer.edit', 'p-target.read', 'p-target.edit', 'p-target.delete',
        'p-agent.read', 'p-agent.edit', 'p-job.read', 'p-job.cancel', 'p-approval.read', 'p-approval.approve',
        'p-approval.reject', 'p-policy.read', 'p-policy.edit', 'p-policy.delete', 'p-team.read', 'p-team.edit',
        'p-owner.read', 'p-owner.edit', 'p-notification.read', 'p-notification.edit', 'p-discovery.read',
        'p-discovery.run', 'p-discovery.claim', 'p-network_scan.read', 'p-network_scan.edit', 'p-network_scan.run',
        'p-healthcheck.read', 'p-healthcheck.edit', 'p-healthcheck.acknowledge', 'p-digest.read', 'p-digest.send',
        'p-verification.read', 'p-verification.run', 'p-stats.read', 'p-metrics.read', 'p-audit.read',
        'p-auth.key.list', 'p-auth.key.create', 'p-auth.key.rotate', 'p-job.retry'
)
    AND NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT 'r-auditor', id FROM permissions
WHERE id IN (
        'p-audit.read', 'p-audit.export', 'p-auth.user.read', 'p-audit.verify'
)
    AND NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO bootstrap_state (id)
SELECT column1 FROM (VALUES
    (1)
) AS seed
WHERE NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO teams (id, name, description)
SELECT column1, column2, column3 FROM (VALUES
    ('t-unassigned', 'unassigned', 'Certificates issued through a protocol without a team of their own')
) AS seed
WHERE NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO owners (id, name, team_id)
SELECT column1, column2, column3 FROM (VALUES
    ('o-unassigned', 'unassigned', 't-unassigned')
) AS seed
WHERE NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO renewal_policies (id, name, renewal_window_days, auto_renew, max_retries, retry_interval_seconds)
SELECT column1, column2, column3, column4, column5, column6 FROM (VALUES
    ('rp-default', 'default', 30, TRUE, 3, 60),
    ('rp-client-managed', 'client-managed', 30, FALSE, 3, 3600)
) AS seed
WHERE NOT EXISTS (SELECT 1 FROM scheduler_leader WHERE id = 1)
ON CONFLICT DO NOTHING;

INSERT INTO scheduler_leader (id) VALUES (1) ON CONFLICT DO NOTHING;
