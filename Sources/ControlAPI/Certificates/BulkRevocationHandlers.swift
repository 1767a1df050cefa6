import APIContract
import Domain
import Encoding
import HTTPServing
import Lifecycle
import PKI
import Store

/// Bulk revocation (specification, rest-api §6.6, §7.3).
struct BulkRevocationHandlers: Sendable {
    /// How long a request works on its operation before it answers that it goes on.
    private static let patience = Duration.seconds(20)

    let context: LifecycleContext
    let flow: BulkRevokeFlow

    func register(in handlers: inout HandlerTable) { handlers.on(OperationRoutes.bulkRevoke, revoke) }

    private func revoke(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: BulkRevokeRequest = try context.request.decode()
        let wanted = try Self.revocation(request)
        if request.isDryRun {
            return .json(BulkRevokeAnswer(try await flow.preview(wanted, by: context.authorship)))
        }
        let operation = try await flow.begin(wanted, by: context.authorship)
        if operation.state == .awaitingApproval { return try await accepted(operation) }
        if context.request.prefersAsynchronous {
            var answer = try await accepted(operation)
            answer.applyPreference("respond-async")
            return answer
        }
        if context.request.prefers("application/x-ndjson", over: "application/json") {
            let stream = OperationStream(context: self.context)
            return .stream("application/x-ndjson") { output in
                try await stream.follow(operation.id, output) { _ = try await flow.step(operation.id) }
            }
        }
        let deadline = self.context.time.now + Self.patience
        var current = operation
        while current.state == .running, self.context.time.now < deadline {
            current = try await flow.step(operation.id).operation
        }
        guard current.finishedAt != nil else { return try await accepted(current) }
        return .json(try await OperationBody.read(current, in: self.context).result)
    }

    private func accepted(_ operation: Operation) async throws -> OutgoingResponse {
        .json(
            try await OperationBody.read(operation, in: context), status: 202,
            location: "/api/v1/operations/\(operation.id.text)")
    }

    // MARK: The request

    private static func revocation(_ request: BulkRevokeRequest) throws -> BulkRevocation {
        guard let reason = RevocationReason(accepting: request.reason) else {
            throw invalid("/reason", "is no reason of RFC 5280; there is no silent unspecified")
        }
        let filter = try filter(request)
        let others: Set = ["reason", "invalidity_date", "dry_run", "confirm_count"]
        var criteria: JSONObject = [:]
        for member in request.json.objectValue ?? [:] where !others.contains(member.key) {
            if !member.value.isEmptyCriterion { criteria[member.key] = member.value }
        }
        return BulkRevocation(
            filter: filter, criteria: criteria,
            order: RevocationOrder(reason, invalidityDate: request.invalidityDate),
            confirmedCount: request.confirmedCount)
    }

    private static func filter(_ request: BulkRevokeRequest) throws -> CertificateFilter {
        var filter = CertificateFilter()
        filter.certificateIDs = request.certificateIDs
        filter.profileIDs = request.profileID.map { [$0] } ?? []
        filter.ownerIDs = request.ownerID.map { [$0] } ?? []
        filter.teamIDs = request.teamID.map { [$0] } ?? []
        filter.issuerIDs = request.issuerID.map { [$0] } ?? []
        filter.agentIDs = request.agentID.map { [$0] } ?? []
        filter.environments = request.environment.map { [$0] } ?? []
        filter.statuses = request.status.map { [$0] } ?? []
        filter.expiresBefore = request.expiresBefore
        filter.tags = request.tags.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: $0.value) }
        filter.spkiSHA256 = request.keyFingerprint?.lowercased().filter { $0 != ":" }
        guard filter != CertificateFilter() else {
            throw invalid("/certificate_ids", "give at least one criterion; source alone is none")
        }
        filter.sources = request.source.map { [$0] } ?? []
        return filter
    }

    private static func invalid(_ pointer: String, _ detail: String) -> ServiceError {
        ServiceError(
            .validationFailed, "\(pointer): \(detail)",
            problems: [FieldProblem(pointer: pointer, code: "invalid_value", detail: detail)])
    }
}

extension JSONValue {
    fileprivate var isEmptyCriterion: Bool {
        switch self {
        case .null: true
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        default: false
        }
    }
}

extension BulkRevokeAnswer {
    fileprivate init(_ preview: BulkRevocationPreview) {
        self.init {
            $0.totalMatched = preview.total
            $0.totalRevoked = preview.revocable
            $0.totalSkipped = preview.skipped
            $0.totalFailed = preview.unknown.count
            $0.errors = preview.unknown.prefix(1000).map { BulkErrorBody(OperationItem($0.text, .failed, "not_found")) }
            $0.matches = preview.sample.map { BulkItemBody($0) }
            $0.needsApproval = preview.needsApproval
        }
    }
}
