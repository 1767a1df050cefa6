import Domain
import Encoding

/// The audit trail (specification, rest-api §7.16, security §9.5, §9.6).
package enum AuditRoutes {
    private static let filters: [QueryParameter] = [
        CommonQuery.choice("category", AuditCategory.allCases.map(\.rawValue), "Area."),
        QueryParameter("actor", .text(1...255, example: "ops"), several: true, "Who."),
        QueryParameter("actor_id", .text(1...255, example: "ops"), several: true, "The same as actor."),
        CommonQuery.choice("actor_type", ActorType.allCases.map(\.rawValue), "Kind of actor."),
        QueryParameter("action", .text(1...128, example: "certificate_created"), several: true, "What."),
        QueryParameter("resource_type", .text(1...64, example: "certificate"), several: true, "On what kind."),
        QueryParameter("resource_id", .text(1...255, example: "mc-api-prod"), several: true, "On which one."),
        QueryParameter("request_id", .text(1...128, example: "0b6c5a1e"), several: true, "By which request."),
        CommonQuery.choice("outcome", ["success", "denied", "error"], "How it ended."),
    ]

    package static let list = ProtectedRoute(
        "listAuditEvents", .get, "/api/v1/audit", .permission(.auditRead), "Lists the audit trail, newest first.",
        query: CommonQuery.paging() + filters + [
            CommonQuery.time("since", "Not before."), CommonQuery.time("until", "Before."),
            QueryParameter("order", .choice(["asc", "desc"]), default: "desc", "Oldest or newest first."),
            QueryParameter("limit", .integer(1...500), "The same as per_page."),
        ],
        responses: [.page(of: AuditEventBody.self)], cli: .verb("audit list")
    )

    package static let get = ProtectedRoute(
        "getAuditEvent", .get, "/api/v1/audit/{id}", .permission(.auditRead), "Reads one entry.",
        responses: [.json(200, AuditEventBody.self, "The entry."), .notFound], cli: .verb("audit get")
    )

    package static let export = ProtectedRoute(
        "exportAuditEvents", .get, "/api/v1/audit/export", .permission(.auditExport), isLongLived: true, isExport: true,
        "Writes out the sealed events of a period, as many as there are, or a bundle that proves itself.",
        query: filters + [
            CommonQuery.time("from", "Not before; required unless the format is bundle."),
            CommonQuery.time("to", "Before; required unless the format is bundle."),
            QueryParameter("limit", .integer(1...(1 << 53)), "At most so many."),
            QueryParameter(
                "format", .choice(["ndjson", "csv", "cef", "bundle"]),
                "ndjson: one event a line. csv: for spreadsheets. cef: Common Event Format. bundle: every leaf with "
                    + "checkpoints, for offline verification; takes no filter. Without it, csv or cef when Accept prefers "
                    + "text/csv or text/plain, else ndjson."
            ),
            CommonQuery.flag(
                "summary",
                "Ends with a line that counts and names what was written; not in csv, which has no place for it."
            ),
        ],
        responses: [
            .text(200, "application/x-ndjson", "{\"id\":\"audit-1\"}\n", "The events."),
            .text(200, "text/csv", "seq,timestamp,id,…\r\n", "The events for a spreadsheet (RFC 4180)."),
            .text(200, "text/plain", "CEF:0|certctl|certctl|1.0.0|certificate_created|…\n", "The events as CEF."),
            .error(.invalidState, "Nothing of the period is signed for yet."),
        ],
        cli: .verb("audit export")
    )

    package static let checkpoints = ProtectedRoute(
        "listAuditCheckpoints", .get, "/api/v1/audit/checkpoints", .permission(.auditRead),
        "Lists signed checkpoints of the log, newest first.",
        query: [
            CommonQuery.flag("latest", "Only the newest."),
            QueryParameter("tree_size", .integer(0...(1 << 53)), "Only the one over so many leaves."),
            QueryParameter("before", .integer(0...(1 << 53)), "Only those with smaller numbers."),
            QueryParameter("limit", .integer(1...500), default: 50, "At most so many."),
        ],
        responses: [.json(200, AuditCheckpointList.self, "The checkpoints.")], cli: .verb("audit checkpoints")
    )

    package static let proof = ProtectedRoute(
        "getAuditProof", .get, "/api/v1/audit/{id}/proof", .permission(.auditRead),
        "Proves that an event is in the log (RFC 9162 §2.1.3).",
        query: [QueryParameter("tree_size", .integer(1...(1 << 53)), "Of the tree; the last checkpoint's by default.")],
        responses: [
            .json(200, AuditInclusionBody.self, "The proof."), .notFound,
            .error(.invalidState, "The event is not sealed, or not in a tree of that size."),
        ],
        cli: .verb("audit proof")
    )

    package static let consistency = ProtectedRoute(
        "getAuditConsistency", .get, "/api/v1/audit/consistency", .permission(.auditRead),
        "Proves that an earlier state of the log is the beginning of a later one (RFC 9162 §2.1.4).",
        query: [
            QueryParameter("from", .integer(0...(1 << 53)), "Leaves of the earlier; required."),
            QueryParameter("to", .integer(0...(1 << 53)), "Leaves of the later; the last checkpoint's by default."),
        ],
        responses: [.json(200, AuditConsistencyBody.self, "The proof.")], cli: .verb("audit verify")
    )

    package static let lastVerification = ProtectedRoute(
        "getAuditVerification", .get, "/api/v1/audit/verify", .permission(.auditRead), isLongLived: true,
        "The outcome of the last verification, or with `run=true` of one over what is new since then.",
        query: [CommonQuery.flag("run", "Verify now what is new.")],
        responses: [
            .json(200, AuditVerificationBody.self, "The outcome."), .error(.notFound, "Nothing was verified yet."),
        ],
        cli: .verb("audit verify")
    )

    package static let verify = ProtectedRoute(
        "verifyAuditLog", .post, "/api/v1/audit/verify", .permission(.auditVerify), audit: "audit.verified",
        isLongLived: true, "Verifies the whole log.",
        responses: [.json(200, AuditVerificationBody.self, "The outcome.")], cli: .verb("audit verify")
    )

    package static let seal = ProtectedRoute(
        "sealAuditPeriod", .post, "/api/v1/audit/seal", .permission(.auditCheckpoint), audit: "audit.archived",
        isLongLived: true, "Moves signed events before a time to the archive; their hashes stay.",
        request: .body(AuditSealRequest.self),
        responses: [
            .json(201, AuditArchiveBody.self, "The archive."),
            .error(.invalidState, "No signed event is that old, or the last archive is not finished."),
        ],
        cli: .verb("audit seal")
    )

    package static let holds = ProtectedRoute(
        "listAuditHolds", .get, "/api/v1/audit/holds", .permission(.auditRead), "Lists legal holds, newest first.",
        responses: [.json(200, AuditHoldList.self, "The holds.")], cli: .verb("audit holds")
    )

    package static let hold = ProtectedRoute(
        "placeAuditHold", .post, "/api/v1/audit/holds", .permission(.auditCheckpoint), audit: "audit.hold_placed",
        "Keeps the events of a time in the database, whatever retention says.",
        request: .body(AuditHoldRequest.self),
        responses: [
            .json(201, AuditHoldBody.self, "The hold."), .error(.invalidState, "There are too many holds."),
        ],
        cli: .verb("audit hold")
    )

    package static let release = ProtectedRoute(
        "releaseAuditHold", .post, "/api/v1/audit/holds/{id}/release", .permission(.auditCheckpoint),
        audit: "audit.hold_released", "Ends a legal hold.",
        responses: [
            .json(200, AuditHoldBody.self, "The hold."), .notFound,
            .error(.invalidState, "It is released already."),
        ],
        cli: .verb("audit release")
    )

    package static let acknowledge = ProtectedRoute(
        "acknowledgeAuditBreak", .post, "/api/v1/audit/acknowledge", .permission(.auditCheckpoint),
        audit: "audit.break_acknowledged", "Takes note that the log diverges, so that changes are possible again.",
        request: .body(AuditAcknowledgeRequest.self),
        responses: [
            .json(200, AuditBreakBody.self, "What was acknowledged."),
            .error(.invalidState, "No divergence is open."),
        ],
        cli: .verb("audit acknowledge")
    )

    /// What may be asked for while the log diverges and nothing else may be changed: to look, to sign in for that, and to
    /// end sessions.
    package static let whileBroken: Set<String> = [
        verify.route.id, acknowledge.route.id, SignInRoutes.exchange.route.id, SignInRoutes.revokeSession.route.id,
        SignInRoutes.revokeSessions.route.id, SignInRoutes.logout.route.id, SignInRoutes.breakglassLogin.route.id,
    ]

    package static let keys = OpenRoute(
        "listAuditKeys", .get, "/api/v1/audit/keys", "The public keys of checkpoints, past and present.",
        responses: [.json(200, AuditKeySet.self, "A JWK set.")], cli: .verb("audit keys")
    )

    package static let all: [Route] = [
        list.route, export.route, checkpoints.route, consistency.route, lastVerification.route, verify.route,
        seal.route, holds.route, hold.route, release.route, acknowledge.route, keys.route, get.route, proof.route,
    ]
}
