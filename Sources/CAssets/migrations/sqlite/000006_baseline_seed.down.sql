-- Data loss: the baseline rows that nothing refers to; rows in use stay.

DELETE FROM renewal_policies WHERE id IN ('rp-default', 'rp-client-managed')
    AND NOT EXISTS (SELECT 1 FROM managed_certificates c WHERE c.renewal_policy_id = renewal_policies.id);
DELETE FROM owners WHERE id = 'o-unassigned'
    AND NOT EXISTS (SELECT 1 FROM managed_certificates c WHERE c.owner_id = owners.id);
DELETE FROM teams WHERE id = 't-unassigned'
    AND NOT EXISTS (SELECT 1 FROM managed_certificates c WHERE c.team_id = teams.id)
    AND NOT EXISTS (SELECT 1 FROM owners o WHERE o.team_id = teams.id);
DELETE FROM scheduler_leader WHERE id = 1;
DELETE FROM bootstrap_state WHERE id = 1 AND consumed_at IS NULL;
DELETE FROM role_permissions
    WHERE role_id IN ('r-admin', 'r-operator', 'r-viewer', 'r-agent', 'r-mcp', 'r-cli', 'r-auditor');
DELETE FROM roles
    WHERE id IN ('r-admin', 'r-operator', 'r-viewer', 'r-agent', 'r-mcp', 'r-cli', 'r-auditor')
    AND NOT EXISTS (SELECT 1 FROM actor_roles g WHERE g.role_id = roles.id);
DELETE FROM permissions
    WHERE NOT EXISTS (SELECT 1 FROM role_permissions p WHERE p.permission_id = permissions.id);
DELETE FROM tenants WHERE id = 't-default'
    AND NOT EXISTS (SELECT 1 FROM roles r WHERE r.tenant_id = tenants.id)
    AND NOT EXISTS (SELECT 1 FROM actor_roles g WHERE g.tenant_id = tenants.id)
    AND NOT EXISTS (SELECT 1 FROM api_keys k WHERE k.tenant_id = tenants.id);
