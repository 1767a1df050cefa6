/// Who may do what, written by hand from the specification (security §2.4, §3.2, §3.3; rest-api §7) and from nothing
/// else: the second opinion on the route table. The generated matrix has to agree with it in every cell.
enum PermissionTable {
    /// How a permission counts on a route.
    enum Rule: Sendable {
        /// Nobody has to be recognised.
        case open
        /// Any live principal.
        case anyone
        /// The permission, held everywhere.
        case everywhere(String)
        /// The permission in any scope: the list shows what lies in it.
        case list(String)
        /// The permission in a scope of the object: here always the issuer and profile of the certificate.
        case object(String)
        case issuer(String)
        case profile(String)
        /// The agent that the path names; a person needs the permission and `agent.edit`, a key the binding.
        case agent(String)
        /// The agent that the path names, or the permission everywhere.
        case ownAgent(String)
        /// Anybody about themselves.
        case oneself
    }

    /// A route, its rule, what it answers to those whom it admits, and what is asked of it.
    struct Row: Sendable {
        let route: String
        let rule: Rule
        let admitted: Int
        var path: [String] = []
        var query = ""
        var body: String?
    }

    /// The permissions of the seven roles, by their initials: admin, operator, viewer, aGent, mcp, cli, aUditor.
    static let holders: [String: String] = [
        "cert.read": "AOVGMC", "cert.issue": "AOMC", "cert.edit": "AOMC", "cert.delete": "AOC",
        "cert.revoke": "AOMC", "cert.bulk_revoke": "A",
        "ca.hierarchy.manage": "A",
        "issuer.read": "AOVMC", "issuer.edit": "AOMC", "issuer.delete": "A",
        "profile.read": "AOVMC", "profile.edit": "AOMC", "profile.delete": "A",
        "target.read": "AOVMC", "target.edit": "AOMC", "target.delete": "AOC",
        "agent.read": "AOVMC", "agent.edit": "AOC", "agent.retire": "A", "agent.heartbeat": "AG",
        "agent.job.poll": "AG", "agent.job.complete": "AG",
        "job.read": "AOVMC", "job.cancel": "AOMC", "job.retry": "AOC",
        "approval.read": "AOVMC", "approval.approve": "AOC", "approval.reject": "AOMC",
        "verification.read": "AOVMC", "verification.run": "AOGMC",
        "policy.read": "AOVMC", "policy.edit": "AOC", "policy.delete": "AOC",
        "team.read": "AOVMC", "team.edit": "AOC", "team.delete": "AO",
        "owner.read": "AOVMC", "owner.edit": "AOC", "owner.delete": "AO",
        "audit.read": "AOVMCU", "audit.export": "AU", "audit.verify": "AU", "audit.checkpoint": "A",
        "metrics.read": "AOVMC", "scheduler.admin": "A", "crypto.rekey": "A", "acme.admin": "A",
        "auth.key.list": "AC", "auth.key.create": "AC", "auth.key.rotate": "AC", "auth.key.delete": "A",
        "auth.role.list": "A", "auth.role.create": "A", "auth.role.edit": "A", "auth.role.delete": "A",
        "auth.role.assign": "A", "auth.role.revoke": "A", "auth.user.read": "AOU",
        "auth.user.deactivate": "A", "auth.breakglass.admin": "A",
    ]

    static let rows: [Row] =
        probes + acme + identity + signIn + roles + certificates + connectors + authorities + agents + work + ownership
        + [
            // Last: it ends the credential that the rows before need.
            Row(route: "rotateAgentKey", rule: .ownAgent("agent.edit"), admitted: 200, path: ["{agent}"])
        ]

    private static let probes: [Row] = [
        Row(route: "getHealth", rule: .open, admitted: 200), Row(route: "getLivez", rule: .open, admitted: 200),
        Row(route: "getReady", rule: .open, admitted: 200), Row(route: "getReadyz", rule: .open, admitted: 200),
        Row(route: "getVersion", rule: .open, admitted: 200), Row(route: "getOpenAPI", rule: .open, admitted: 200),
        Row(route: "getControlPlaneCA", rule: .open, admitted: 200),
        Row(route: "getCRL", rule: .open, admitted: 404, path: ["iss-nowhere"]),
        Row(route: "getCRLPartition", rule: .open, admitted: 404, path: ["iss-local", "0-7"]),
        Row(route: "getOCSP", rule: .open, admitted: 200, path: ["iss-local", "01"]),
        Row(route: "postOCSP", rule: .open, admitted: 415, path: ["iss-local"], body: "{}"),
        Row(route: "getIssuerCertificates", rule: .open, admitted: 200, path: ["iss-local"]),
        Row(route: "getAuthInfo", rule: .open, admitted: 200), Row(route: "getBootstrap", rule: .open, admitted: 200),
        Row(route: "bootstrap", rule: .open, admitted: 400, body: "{}"),
        Row(route: "getMetrics", rule: .everywhere("metrics.read"), admitted: 200),
        Row(route: "getPrometheusMetrics", rule: .everywhere("metrics.read"), admitted: 200),
        Row(route: "getEvents", rule: .anyone, admitted: 200, query: "wait=0"),
        Row(route: "listLints", rule: .everywhere("profile.read"), admitted: 200),
        Row(route: "getCryptoInventory", rule: .everywhere("audit.read"), admitted: 200),
        Row(route: "getScheduler", rule: .everywhere("scheduler.admin"), admitted: 200),
        Row(route: "listAuditEvents", rule: .everywhere("audit.read"), admitted: 200),
        Row(route: "getAuditEvent", rule: .everywhere("audit.read"), admitted: 404, path: ["audit-none"]),
        Row(route: "exportAuditEvents", rule: .everywhere("audit.export"), admitted: 400),
        Row(route: "listAuditCheckpoints", rule: .everywhere("audit.read"), admitted: 200),
        Row(route: "getAuditProof", rule: .everywhere("audit.read"), admitted: 404, path: ["audit-none"]),
        Row(route: "getAuditConsistency", rule: .everywhere("audit.read"), admitted: 400),
        Row(route: "getAuditVerification", rule: .everywhere("audit.read"), admitted: 200, query: "run=true"),
        Row(route: "verifyAuditLog", rule: .everywhere("audit.verify"), admitted: 200),
        Row(route: "sealAuditPeriod", rule: .everywhere("audit.checkpoint"), admitted: 400, body: "{}"),
        Row(route: "listAuditHolds", rule: .everywhere("audit.read"), admitted: 200),
        Row(route: "placeAuditHold", rule: .everywhere("audit.checkpoint"), admitted: 400, body: "{}"),
        Row(
            route: "releaseAuditHold", rule: .everywhere("audit.checkpoint"), admitted: 404, path: ["hold-none"]),
        Row(route: "acknowledgeAuditBreak", rule: .everywhere("audit.checkpoint"), admitted: 400, body: "{}"),
        Row(route: "listAuditKeys", rule: .open, admitted: 200),
        Row(route: "getCryptoStatus", rule: .everywhere("crypto.rekey"), admitted: 200),
        Row(route: "rekey", rule: .everywhere("crypto.rekey"), admitted: 200, body: #"{"dry_run":true}"#),
    ]

    /// The operations of the protocol, of which nobody has to be recognised: a request proves itself.
    private static let acmeOperations: [Row] = [
        ("Directory", 200, []), ("NewNonce", 204, []), ("NewAccount", 415, []), ("Account", 415, ["acme-acc-none"]),
        ("AccountOrders", 415, ["acme-acc-none"]), ("KeyChange", 415, []), ("NewOrder", 415, []),
        ("Order", 415, ["acme-ord-none"]), ("Finalize", 415, ["acme-ord-none"]),
        ("Authorization", 415, ["acme-authz-none"]), ("Challenge", 415, ["acme-chall-none"]),
        ("Certificate", 415, ["certver-none"]),
        ("CertificateAlternate", 415, ["certver-none", "1"]), ("Revoke", 415, []), ("NewAuthorization", 415, []),
        ("RenewalInfo", 404, ["AQ.AQ"]),
    ].flatMap { (name: String, status: Int, path: [String]) -> [Row] in
        let body = status == 415 ? "{}" : nil
        return [
            Row(
                route: "acmeProfile\(name)", rule: .open, admitted: status, path: ["prof-web"] + path, body: body),
            // Without a default profile the short paths lead nowhere.
            Row(route: "acme\(name)", rule: .open, admitted: body == nil ? 403 : 415, path: path, body: body),
        ]
    }

    private static let acme: [Row] =
        acmeOperations + [
            Row(route: "createEABKey", rule: .everywhere("acme.admin"), admitted: 400, body: "{}"),
            Row(route: "listEABKeys", rule: .everywhere("acme.admin"), admitted: 200),
            Row(route: "getEABKey", rule: .everywhere("acme.admin"), admitted: 404, path: ["eab-none"]),
            Row(route: "revokeEABKey", rule: .everywhere("acme.admin"), admitted: 404, path: ["eab-none"]),
            Row(route: "listACMEAccounts", rule: .everywhere("acme.admin"), admitted: 200),
            Row(
                route: "deactivateACMEAccount", rule: .everywhere("acme.admin"), admitted: 404, path: ["acme-acc-none"]),
            Row(route: "listACMEOrders", rule: .everywhere("acme.admin"), admitted: 200),
            Row(route: "getACMEOrder", rule: .everywhere("acme.admin"), admitted: 404, path: ["acme-ord-none"]),
            Row(
                route: "replaceACMECertificates", rule: .everywhere("acme.admin"), admitted: 400, body: "{}"),
            Row(
                route: "withdrawACMEReplacement", rule: .everywhere("acme.admin"), admitted: 400, body: "{}"),
        ]

    private static let identity: [Row] = [
        Row(route: "checkAuth", rule: .anyone, admitted: 200), Row(route: "getMe", rule: .anyone, admitted: 200),
        Row(route: "listPermissions", rule: .anyone, admitted: 200),
        Row(route: "explainAccess", rule: .oneself, admitted: 200, body: #"{"permission":"cert.read"}"#),
        Row(route: "listKeys", rule: .everywhere("auth.key.list"), admitted: 200),
        Row(route: "createKey", rule: .everywhere("auth.key.create"), admitted: 400, body: "{}"),
        Row(route: "getKey", rule: .everywhere("auth.key.list"), admitted: 200, path: ["subject"]),
        Row(route: "updateKey", rule: .everywhere("auth.key.rotate"), admitted: 200, path: ["subject"], body: "{}"),
        Row(route: "rotateKey", rule: .everywhere("auth.key.rotate"), admitted: 200, path: ["subject"], body: "{}"),
        Row(route: "deleteKey", rule: .everywhere("auth.key.delete"), admitted: 404, path: ["no-such-key"]),
        Row(
            route: "deleteKeySecret", rule: .everywhere("auth.key.delete"), admitted: 404,
            path: ["subject", "ak-none"]),
    ]

    private static let signIn: [Row] = [
        Row(route: "createSession", rule: .oneself, admitted: 201),
        Row(route: "logout", rule: .open, admitted: 204),
        Row(route: "breakglassLogin", rule: .open, admitted: 401, body: "{}"),
        Row(route: "listSessions", rule: .oneself, admitted: 200),
        Row(route: "revokeSession", rule: .oneself, admitted: 404, path: ["ses-none"]),
        Row(route: "revokeSessions", rule: .oneself, admitted: 200, query: "except=current"),
        Row(route: "rotateSessionKey", rule: .everywhere("crypto.rekey"), admitted: 200),
        Row(route: "listUsers", rule: .everywhere("auth.user.read"), admitted: 200),
        Row(route: "deactivateUser", rule: .everywhere("auth.user.deactivate"), admitted: 404, path: ["u-none"]),
        Row(route: "reactivateUser", rule: .everywhere("auth.user.deactivate"), admitted: 404, path: ["u-none"]),
        Row(route: "listBreakglassCredentials", rule: .everywhere("auth.breakglass.admin"), admitted: 200),
        Row(
            route: "setBreakglassCredential", rule: .everywhere("auth.breakglass.admin"), admitted: 400, body: "{}"),
        Row(
            route: "unlockBreakglassCredential", rule: .everywhere("auth.breakglass.admin"), admitted: 404,
            path: ["bg-none"]),
        Row(
            route: "removeBreakglassCredential", rule: .everywhere("auth.breakglass.admin"), admitted: 404,
            path: ["bg-none"]),
        Row(route: "getRuntimeConfig", rule: .everywhere("auth.role.assign"), admitted: 200),
    ]

    private static let roles: [Row] = [
        Row(route: "listRoles", rule: .everywhere("auth.role.list"), admitted: 200),
        Row(route: "createRole", rule: .everywhere("auth.role.create"), admitted: 400, body: "{}"),
        Row(route: "getRole", rule: .everywhere("auth.role.list"), admitted: 200, path: ["r-viewer"]),
        Row(route: "updateRole", rule: .everywhere("auth.role.edit"), admitted: 409, path: ["r-viewer"], body: "{}"),
        Row(route: "patchRole", rule: .everywhere("auth.role.edit"), admitted: 409, path: ["r-viewer"], body: "{}"),
        Row(route: "deleteRole", rule: .everywhere("auth.role.delete"), admitted: 409, path: ["r-viewer"]),
        Row(
            route: "addRolePermission", rule: .everywhere("auth.role.edit"), admitted: 409, path: ["r-viewer"],
            body: #"{"permission":"cert.read"}"#),
        Row(
            route: "removeRolePermission", rule: .everywhere("auth.role.edit"), admitted: 409,
            path: ["r-viewer", "cert.read"]),
        Row(
            route: "grantRole", rule: .everywhere("auth.role.assign"), admitted: 204, path: ["subject"],
            body: #"{"role_id":"r-viewer"}"#),
        Row(
            route: "revokeRole", rule: .everywhere("auth.role.revoke"), admitted: 204, path: ["subject", "r-viewer"]),
        Row(
            route: "grantActorRole", rule: .everywhere("auth.role.assign"), admitted: 204,
            path: ["APIKey", "subject"], body: #"{"role_id":"r-viewer"}"#),
        Row(
            route: "revokeActorRole", rule: .everywhere("auth.role.revoke"), admitted: 204,
            path: ["APIKey", "subject", "r-viewer"]),
        Row(
            route: "replaceActorRoles", rule: .everywhere("auth.role.assign"), admitted: 204,
            path: ["APIKey", "subject"], body: #"{"grants":[]}"#),
    ]

    private static let certificates: [Row] = [
        Row(route: "listCertificates", rule: .list("cert.read"), admitted: 200),
        Row(route: "createCertificate", rule: .object("cert.issue"), admitted: 409, body: "{certificate}"),
        Row(route: "getCertificate", rule: .object("cert.read"), admitted: 200, path: ["mc-here"]),
        Row(route: "updateCertificate", rule: .object("cert.edit"), admitted: 200, path: ["mc-here"], body: "{}"),
        Row(route: "patchCertificate", rule: .object("cert.edit"), admitted: 200, path: ["mc-here"], body: "{}"),
        Row(route: "archiveCertificate", rule: .object("cert.delete"), admitted: 204, path: ["mc-archived"]),
        Row(route: "unarchiveCertificate", rule: .object("cert.delete"), admitted: 409, path: ["mc-here"]),
        Row(
            route: "renewCertificate", rule: .object("cert.issue"), admitted: 202, path: ["mc-here"],
            body: #"{"force":true}"#),
        Row(route: "deployCertificate", rule: .object("cert.edit"), admitted: 409, path: ["mc-here"], body: "{}"),
        Row(route: "submitCSR", rule: .object("cert.issue"), admitted: 409, path: ["mc-here"], body: "{csr}"),
        Row(route: "listVersions", rule: .object("cert.read"), admitted: 200, path: ["mc-here"]),
        Row(
            route: "getVersionOfCertificate", rule: .object("cert.read"), admitted: 200,
            path: ["mc-issued", "{version}"]),
        Row(route: "exportCertificatePEM", rule: .object("cert.read"), admitted: 200, path: ["mc-issued"]),
        Row(route: "exportCertificateDER", rule: .object("cert.read"), admitted: 200, path: ["mc-issued"]),
        Row(route: "exportCertificatePKCS7", rule: .object("cert.read"), admitted: 200, path: ["mc-issued"]),
        Row(
            route: "exportCertificatePKCS12", rule: .object("cert.read"), admitted: 200, path: ["mc-issued"], body: "{}"
        ),
        Row(
            route: "exportCertificateJKS", rule: .object("cert.read"), admitted: 200, path: ["mc-issued"],
            body: #"{"password":"secret-1"}"#),
        Row(route: "importCertificate", rule: .object("cert.issue"), admitted: 409, body: "{import}"),
        Row(route: "bulkImportCertificates", rule: .list("cert.issue"), admitted: 200, body: "{import}"),
        Row(route: "listDeployments", rule: .object("cert.read"), admitted: 200, path: ["mc-here"]),
        Row(route: "listCertificateTargets", rule: .object("cert.read"), admitted: 200, path: ["mc-here"]),
        Row(route: "attachTarget", rule: .object("cert.edit"), admitted: 204, path: ["mc-here", "tgt-one"]),
        Row(route: "detachTarget", rule: .object("cert.edit"), admitted: 204, path: ["mc-here", "tgt-none"]),
        Row(route: "listCertificateJobs", rule: .object("cert.read"), admitted: 200, path: ["mc-here"]),
        Row(route: "revokeCertificate", rule: .object("cert.revoke"), admitted: 409, path: ["mc-here"], body: "{}"),
        Row(
            route: "bulkRevokeCertificates", rule: .list("cert.bulk_revoke"), admitted: 200,
            body: #"{"reason":"superseded","certificate_ids":["mc-none"],"dry_run":true}"#),
        Row(route: "listOperations", rule: .oneself, admitted: 200),
        Row(route: "getOperation", rule: .oneself, admitted: 404, path: ["op-none"]),
        Row(route: "cancelOperation", rule: .oneself, admitted: 404, path: ["op-none"]),
        Row(route: "releaseCertificate", rule: .object("cert.revoke"), admitted: 409, path: ["mc-here"], body: "{}"),
        Row(
            route: "createRevocation", rule: .object("cert.revoke"), admitted: 404,
            body: #"{"spki_sha256":"0000000000000000000000000000000000000000000000000000000000000000"}"#),
        Row(route: "listRevocations", rule: .list("cert.read"), admitted: 200),
        Row(
            route: "retryUpstreamRevocation", rule: .object("cert.revoke"), admitted: 404, path: ["rev-none"]),
    ]

    private static let connectors: [Row] = [
        Row(route: "listIssuers", rule: .list("issuer.read"), admitted: 200),
        Row(route: "createIssuer", rule: .everywhere("issuer.edit"), admitted: 400, body: "{}"),
        Row(route: "getIssuer", rule: .issuer("issuer.read"), admitted: 200, path: ["iss-local"]),
        Row(route: "updateIssuer", rule: .issuer("issuer.edit"), admitted: 200, path: ["iss-local"], body: "{}"),
        Row(route: "patchIssuer", rule: .issuer("issuer.edit"), admitted: 200, path: ["iss-local"], body: "{}"),
        Row(route: "deleteIssuer", rule: .issuer("issuer.delete"), admitted: 409, path: ["iss-local"]),
        Row(route: "testIssuer", rule: .issuer("issuer.edit"), admitted: 200, path: ["iss-local"]),
        Row(route: "getIssuerCACertificates", rule: .issuer("issuer.read"), admitted: 200, path: ["iss-local"]),
        Row(route: "listIssuerTypes", rule: .everywhere("issuer.read"), admitted: 200),
        Row(route: "listProfiles", rule: .list("profile.read"), admitted: 200),
        Row(route: "createProfile", rule: .everywhere("profile.edit"), admitted: 400, body: "{}"),
        Row(route: "getProfile", rule: .profile("profile.read"), admitted: 200, path: ["prof-web"]),
        Row(route: "updateProfile", rule: .profile("profile.edit"), admitted: 200, path: ["prof-web"], body: "{}"),
        Row(route: "patchProfile", rule: .profile("profile.edit"), admitted: 200, path: ["prof-web"], body: "{}"),
        Row(route: "listProfileCertificates", rule: .profile("cert.read"), admitted: 200, path: ["prof-web"]),
        Row(route: "checkProfile", rule: .profile("cert.read"), admitted: 200, path: ["prof-web"], body: "{}"),
        Row(
            route: "evaluateProfile", rule: .profile("cert.read"), admitted: 400, path: ["prof-web"],
            body: #"{"csr_pem":"-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n"}"#),
        Row(route: "deleteProfile", rule: .profile("profile.delete"), admitted: 409, path: ["prof-web"]),
        Row(route: "listTargets", rule: .everywhere("target.read"), admitted: 200),
        Row(route: "createTarget", rule: .everywhere("target.edit"), admitted: 400, body: "{}"),
        Row(route: "getTarget", rule: .everywhere("target.read"), admitted: 200, path: ["tgt-one"]),
        Row(route: "updateTarget", rule: .everywhere("target.edit"), admitted: 200, path: ["tgt-one"], body: "{}"),
        Row(route: "patchTarget", rule: .everywhere("target.edit"), admitted: 200, path: ["tgt-one"], body: "{}"),
        Row(route: "deleteTarget", rule: .everywhere("target.delete"), admitted: 409, path: ["tgt-one"]),
        Row(route: "testTarget", rule: .everywhere("target.edit"), admitted: 200, path: ["tgt-one"]),
        Row(route: "listTargetTypes", rule: .everywhere("target.read"), admitted: 200),
    ]

    private static let agents: [Row] = [
        Row(route: "listAgents", rule: .everywhere("agent.read"), admitted: 200),
        Row(route: "registerAgent", rule: .everywhere("agent.edit"), admitted: 400, body: "{}"),
        Row(route: "listRetiredAgents", rule: .everywhere("agent.read"), admitted: 200),
        Row(route: "listEnrollmentTokens", rule: .everywhere("agent.edit"), admitted: 200),
        Row(route: "createEnrollmentToken", rule: .everywhere("agent.edit"), admitted: 201, body: "{}"),
        Row(route: "deleteEnrollmentToken", rule: .everywhere("agent.edit"), admitted: 404, path: ["aet-none"]),
        Row(route: "getAgent", rule: .everywhere("agent.read"), admitted: 200, path: ["{agent}"]),
        Row(route: "retireAgent", rule: .everywhere("agent.retire"), admitted: 409, path: ["{agent}"]),
        Row(route: "heartbeat", rule: .agent("agent.heartbeat"), admitted: 200, path: ["{agent}"], body: "{}"),
        Row(route: "getWork", rule: .agent("agent.job.poll"), admitted: 200, path: ["{agent}"]),
        Row(route: "getPerspectiveChecks", rule: .agent("agent.job.poll"), admitted: 200, path: ["{agent}"]),
        Row(
            route: "answerPerspectiveCheck", rule: .agent("agent.job.complete"), admitted: 400,
            path: ["{agent}", "acme-chk-none"], body: "{}"),
        Row(route: "submitAgentCSR", rule: .agent("agent.job.poll"), admitted: 400, path: ["{agent}"], body: "{}"),
        Row(
            route: "getAgentCertificate", rule: .agent("cert.read"), admitted: 404, path: ["{agent}", "mc-here"]),
        Row(
            route: "adoptAgentKey", rule: .agent("agent.job.complete"), admitted: 400, path: ["{agent}", "mc-here"],
            body: "{}"),
        Row(
            route: "reportJobStatus", rule: .agent("agent.job.complete"), admitted: 400, path: ["{agent}", "{job}"],
            body: "{}"),
    ]

    private static let work: [Row] = [
        Row(route: "listJobs", rule: .list("job.read"), admitted: 200),
        Row(route: "getJob", rule: .object("job.read"), admitted: 200, path: ["{job}"]),
        Row(route: "cancelJob", rule: .object("job.cancel"), admitted: 409, path: ["{job}"]),
        Row(route: "retryJob", rule: .object("job.retry"), admitted: 409, path: ["{job}"]),
        Row(
            route: "verifyJob", rule: .object("verification.run"), admitted: 422, path: ["{job}"],
            body: #"{"target_id":"tgt-one","expected_fingerprint":"","actual_fingerprint":"","verified":false}"#),
        Row(route: "listApprovals", rule: .list("approval.read"), admitted: 200),
        Row(route: "getApproval", rule: .object("approval.read"), admitted: 200, path: ["{approval}"]),
        // Decided before: a second decision is 409, whoever makes it.
        Row(route: "approve", rule: .object("approval.approve"), admitted: 409, path: ["{approval}"], body: "{}"),
        Row(route: "reject", rule: .object("approval.reject"), admitted: 409, path: ["{approval}"], body: "{}"),
        Row(route: "withdraw", rule: .anyone, admitted: 404, path: ["apr-none"], body: "{}"),
        Row(route: "approveJob", rule: .object("approval.approve"), admitted: 409, path: ["{decided}"]),
        Row(route: "rejectJob", rule: .object("approval.reject"), admitted: 409, path: ["{decided}"], body: "{}"),
        Row(route: "getVerification", rule: .object("verification.read"), admitted: 200, path: ["{job}"]),
    ]

    private static let ownership: [Row] = [
        Row(route: "listOwners", rule: .everywhere("owner.read"), admitted: 200),
        Row(route: "createOwner", rule: .everywhere("owner.edit"), admitted: 400, body: "{}"),
        Row(route: "getOwner", rule: .everywhere("owner.read"), admitted: 200, path: ["o-web"]),
        Row(route: "updateOwner", rule: .everywhere("owner.edit"), admitted: 200, path: ["o-web"], body: "{}"),
        Row(route: "patchOwner", rule: .everywhere("owner.edit"), admitted: 200, path: ["o-web"], body: "{}"),
        Row(route: "deleteOwner", rule: .everywhere("owner.delete"), admitted: 409, path: ["o-web"]),
        Row(route: "listTeams", rule: .everywhere("team.read"), admitted: 200),
        Row(route: "createTeam", rule: .everywhere("team.edit"), admitted: 400, body: "{}"),
        Row(route: "getTeam", rule: .everywhere("team.read"), admitted: 200, path: ["t-web"]),
        Row(route: "updateTeam", rule: .everywhere("team.edit"), admitted: 200, path: ["t-web"], body: "{}"),
        Row(route: "patchTeam", rule: .everywhere("team.edit"), admitted: 200, path: ["t-web"], body: "{}"),
        Row(route: "deleteTeam", rule: .everywhere("team.delete"), admitted: 409, path: ["t-web"]),
        Row(route: "listRenewalPolicies", rule: .everywhere("policy.read"), admitted: 200),
        Row(route: "createRenewalPolicy", rule: .everywhere("policy.edit"), admitted: 400, body: "{}"),
        Row(route: "getRenewalPolicy", rule: .everywhere("policy.read"), admitted: 200, path: ["rp-default"]),
        Row(
            route: "updateRenewalPolicy", rule: .everywhere("policy.edit"), admitted: 200, path: ["rp-default"],
            body: "{}"),
        Row(
            route: "patchRenewalPolicy", rule: .everywhere("policy.edit"), admitted: 200, path: ["rp-default"],
            body: "{}"),
        Row(route: "deleteRenewalPolicy", rule: .everywhere("policy.delete"), admitted: 409, path: ["rp-default"]),
    ]
}
