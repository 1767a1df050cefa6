import APIContract
import AuditProof
import Domain
import Encoding
import HTTPServing
import HTTPTypes
import Lifecycle
import Query
import Store

/// The sealed audit log: checkpoints, proofs, verification, export, archive (specification, security §9.5–§9.7).
struct AuditLogHandlers: Sendable {
    let database: any Database
    let export: AuditExport
    let bundle: AuditBundle
    let verifier: AuditVerifier
    let retention: AuditRetention
    let keeper: CheckpointKeeper
    let custody: AuditCustody

    private var ledger: AuditLedger { AuditLedger() }

    func register(in handlers: inout HandlerTable) {
        handlers.on(AuditRoutes.export, export)
        handlers.on(AuditRoutes.checkpoints, checkpoints)
        handlers.on(AuditRoutes.proof, proof)
        handlers.on(AuditRoutes.consistency, consistency)
        handlers.on(AuditRoutes.lastVerification, lastVerification)
        handlers.on(AuditRoutes.verify, verify)
        handlers.on(AuditRoutes.seal, seal)
        handlers.on(AuditRoutes.keys, keys)
        AuditCustodyHandlers(database: database, custody: custody).register(in: &handlers)
    }

    // MARK: Export

    private func export(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let query = context.query
        var request = ExportRequest(filter: AuditFilter(query))
        request.filter.since = query.time("from")
        request.filter.until = query.time("to")
        if let since = request.filter.since, let until = request.filter.until, until <= since {
            throw ServiceError(.invalidParameter, "to must be later than from")
        }
        let format = query.text("format") ?? Self.preferredFormat(context.request)
        if format == "bundle" { return try await bundle(request, context) }
        guard let from = request.filter.since, let to = request.filter.until else {
            throw ServiceError(.invalidParameter, "from and to are required")
        }
        request.format = ExportRequest.Format(rawValue: format) ?? .ndjson
        request.limit = query.integer("limit")
        request.hasSummary = query.flag("summary") ?? false
        if request.format == .csv, request.hasSummary {
            throw ServiceError(.invalidParameter, "a csv export has no summary; its audit event counts the rows")
        }
        let plan = try await export.plan(request, by: context.authorship)
        return attachment("certctl-audit-\(from.rfc3339)_to_\(to.rfc3339)", request.format) { stream in
            try await export.write(plan, render: { AuditHandlers.body($0).json }) { try await stream.write($0) }
        }
    }

    private static func preferredFormat(_ request: RequestContext) -> String {
        if request.prefers("text/csv", over: "application/x-ndjson") { return "csv" }
        return request.prefers("text/plain", over: "application/x-ndjson") ? "cef" : "ndjson"
    }

    private func bundle(_ request: ExportRequest, _ context: AuthenticatedContext) async throws -> OutgoingResponse {
        var bare = AuditFilter()
        bare.since = request.filter.since
        bare.until = request.filter.until
        guard request.filter == bare else {
            throw ServiceError(.invalidParameter, "a bundle takes no filter besides from and to: it proves a whole run")
        }
        let extent = try await bundle.extent(since: bare.since, until: bare.until)
        _ = try await export.plan(ExportRequest(filter: bare), by: context.authorship)
        return attachment("certctl-audit-bundle-\(extent.last.signed.checkpoint.treeSize)", .ndjson) { stream in
            try await bundle.write(extent) { try await stream.write($0) }
        }
    }

    private func attachment(
        _ name: String, _ format: ExportRequest.Format,
        _ produce: @escaping @Sendable (ResponseStream) async throws -> Void
    ) -> OutgoingResponse {
        let (type, ending) =
            switch format {
            case .ndjson: ("application/x-ndjson", "ndjson")
            case .cef: ("text/plain", "cef")
            case .csv: ("text/csv; charset=utf-8; header=present", "csv")
            }
        var response = OutgoingResponse.stream(type, produce)
        response.fields[.contentDisposition] = "attachment; filename=\"\(name).\(ending)\""
        return response
    }

    // MARK: Checkpoints and proofs

    private func checkpoints(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let query = context.query
        let limit = query.flag("latest") == true ? 1 : query.integer("limit") ?? 50
        let (size, before) = (query.integer("tree_size"), query.integer("before"))
        let found = try await database.fetch { tx in
            if let size { return try CheckpointStore().ofSize(size, in: tx).map { [$0] } ?? [] }
            return try CheckpointStore().newest(below: before, limit: limit, in: tx)
        }
        return .json(
            AuditCheckpointList {
                $0.data = found.map(Self.body)
                $0.nextBefore =
                    size == nil && found.count == limit && found.last?.number != 0 ? found.last?.number : nil
            }
        )
    }

    private func proof(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: AuditEventID = try context.request.id()
        let wanted = context.query.integer("tree_size")
        return try await database.fetch { tx in
            guard let event = try AuditLog().find(id, in: tx) else {
                throw StoreError.notFound(.auditEvent, id: id.text)
            }
            let (size, checkpoint) = try treeSize(wanted, in: tx)
            guard let sequence = event.sequence, sequence < size else {
                throw ServiceError(
                    .invalidState, "event \(id) is not in the tree of \(size) leaves; ask again in a minute")
            }
            let tree = ledger.tree(size: size, in: tx)
            let (path, root) = (try tree.inclusionPath(of: sequence), try tree.root())
            let leaf = AuditLeaf(event.leafMembers)
            return .json(
                AuditInclusionBody {
                    $0.sequence = sequence
                    $0.leaf = leaf.text
                    $0.leafHash = leaf.hash.hex
                    $0.treeSize = size
                    $0.rootHash = root.hex
                    $0.path = path.map(\.hex)
                    $0.checkpoint = checkpoint?.text
                }
            )
        }
    }

    private func consistency(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        guard let from = context.query.integer("from") else {
            throw ServiceError(.invalidParameter, "from is required")
        }
        let wanted = context.query.integer("to")
        return try await database.fetch { tx in
            let (size, _) = try treeSize(wanted, in: tx)
            guard from <= size else {
                throw ServiceError(.invalidParameter, "from must not be larger than to (\(size))")
            }
            let tree = ledger.tree(size: size, in: tx)
            let path = try tree.consistencyPath(from: from)
            let (before, after) = (try tree.frontier(from).root, try tree.root())
            return .json(
                AuditConsistencyBody {
                    $0.from = from
                    $0.to = size
                    $0.rootHashFrom = before.hex
                    $0.rootHashTo = after.hex
                    $0.path = path.map(\.hex)
                }
            )
        }
    }

    /// The size that a proof is about, and the checkpoint over it.
    private func treeSize(_ wanted: Int?, in tx: any Transaction) throws -> (Int, SignedCheckpoint?) {
        guard let wanted else {
            guard let latest = try CheckpointStore().latest(in: tx)?.signed else {
                throw ServiceError(.invalidState, "no checkpoint was signed yet; ask again in a minute")
            }
            return (latest.checkpoint.treeSize, latest)
        }
        let size = try ledger.size(in: tx)
        guard wanted <= size else { throw ServiceError(.invalidParameter, "the log has \(size) leaves") }
        return (wanted, try CheckpointStore().ofSize(wanted, in: tx)?.signed)
    }

    private func keys(_ context: PublicContext) async throws -> OutgoingResponse {
        let keys = try await database.fetch { try keeper.keys(in: $0)?.all ?? [] }
        return .json(AuditKeySet { $0.keys = keys.map(\.jwk) })
    }

    // MARK: Verification and archive

    private func lastVerification(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        if context.query.flag("run") == true {
            return try await answer(try await verifier.verify(.incremental, by: context.authorship))
        }
        guard let outcome = try await database.fetch({ try VerificationStore().newest(in: $0) }) else {
            throw ServiceError(.notFound, "nothing was verified yet; ask with run=true")
        }
        return try await answer(outcome)
    }

    private func verify(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await answer(try await verifier.verify(.full, by: context.authorship))
    }

    private func seal(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: AuditSealRequest = try context.request.decode()
        guard let archive = try await retention.archive(before: request.until, by: context.authorship) else {
            throw ServiceError(
                .invalidState, "no signed event is that old, or the events of the last archive are not removed yet")
        }
        return .json(
            AuditArchiveBody {
                $0.firstSequence = archive.firstSequence
                $0.endSequence = archive.endSequence
                $0.fileName = archive.fileName
                $0.sha256 = archive.sha256
                $0.archivedAt = archive.archivedAt
            },
            status: 201
        )
    }

    private func answer(_ outcome: AuditVerification) async throws -> OutgoingResponse {
        let open = try await database.fetch { try AuditBreakStore().open(in: $0) }
        return .json(
            AuditVerificationBody {
                $0.isOK = outcome.divergence == nil
                $0.kind = outcome.kind.rawValue
                $0.rows = outcome.rows
                $0.treeSize = outcome.treeSize
                $0.rootHash = outcome.rootHash
                $0.startedAt = outcome.startedAt
                $0.finishedAt = outcome.finishedAt
                $0.firstDivergence = outcome.divergence
                $0.openBreak = open?.divergence
            })
    }

    private static func body(_ checkpoint: NumberedCheckpoint) -> AuditCheckpointBody {
        let stated = checkpoint.signed.checkpoint
        return AuditCheckpointBody {
            $0.number = checkpoint.number
            $0.logID = stated.logID
            $0.treeSize = stated.treeSize
            $0.rootHash = stated.rootHash.hex
            $0.timestamp = stated.timestamp
            $0.previous = stated.previous?.hex ?? ""
            $0.keyID = checkpoint.signed.keyID
            $0.jws = checkpoint.signed.text
        }
    }
}

extension AuditFilter {
    /// The filters that lists and exports share.
    init(_ query: QueryValues) {
        self.init()
        categories = query.values("category")
        actors = query.texts("actor") + query.texts("actor_id")
        actorTypes = query.values("actor_type")
        actions = query.texts("action")
        resourceTypes = query.texts("resource_type")
        resourceIDs = query.texts("resource_id")
        requestIDs = query.texts("request_id")
        outcomes = query.values("outcome")
    }
}
