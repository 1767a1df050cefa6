import APIContract
import AuditProof
import Domain
import Encoding
import HTTPServing
import Lifecycle
import Store

/// The records of what was done to CAs (protocol-servers §6.2).
struct CeremonyHandlers: Sendable {
    let flow: HierarchyFlow

    func register(in handlers: inout HandlerTable) { handlers.on(CeremonyRoutes.list, list) }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let found = try await flow.ceremonies(of: try context.request.id(), by: context.authorship)
        return .json(CACeremoniesAnswer { $0.ceremonies = found.map { CACeremonyBody($0) } })
    }
}

extension OutgoingResponse {
    /// What `body` answers, or 202 when a second person has to agree first.
    static func ceremony(_ body: () async throws -> OutgoingResponse) async throws -> OutgoingResponse {
        do {
            return try await body()
        } catch let held as CeremonyHeld {
            return .json(
                PendingApprovalAnswer {
                    $0.approvalID = held.approvalID
                    $0.message =
                        "nothing was done: it waits for the approval of a second person, \(held.approvalID.text); when that "
                        + "is given, send the same request again"
                }, status: 202, location: "/api/v1/approvals/\(held.approvalID.text)")
        }
    }
}

extension CACeremonyBody {
    fileprivate init(_ ceremony: Ceremony) {
        self.init {
            $0.id = ceremony.id
            $0.operation = ceremony.operation
            $0.approvalID = ceremony.approvalID
            // Members of canonical JSON read back are the canonical JSON that was signed.
            $0.record = (try? JSONValue(parsing: Array(ceremony.record.utf8)))?.objectValue ?? [:]
            $0.recordSHA256 = CeremonyRecord(canonical: ceremony.record).digest
            $0.keyID = ceremony.keyID
            $0.signature = ceremony.signature
            $0.createdAt = ceremony.createdAt
        }
    }
}
