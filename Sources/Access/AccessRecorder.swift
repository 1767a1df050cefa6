import Domain
import Encoding
import Query
import Store

/// Writes access events to the audit trail, in the transaction of the change.
struct AccessRecorder: Sendable {
    let random: RandomSource

    func record(
        _ action: String,
        _ resourceType: String,
        _ resourceID: String,
        outcome: AuditOutcome = .success,
        details: JSONObject = [:],
        by author: Authorship,
        in tx: any Transaction
    ) throws {
        try AuditLog().append(
            AuditEntry(
                id: AuditEventID(generatedAt: tx.now, random: random),
                author: author,
                action: action,
                resourceType: resourceType,
                resourceID: resourceID,
                category: .auth,
                outcome: outcome,
                details: AuditDetails(details)
            ),
            in: tx
        )
        try IdempotencyStore().markApplied(by: author, in: tx)
    }
}

extension Database {
    /// Runs one business action. What a repository refuses becomes the error that a client sees.
    func act<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        do {
            return try await write(body)
        } catch let error as StoreError {
            throw error.serviceError
        }
    }
}

/// The form of actor and key names (specification, security §2.5).
enum ActorName {
    /// `^[a-z0-9][a-z0-9_-]{2,63}$`
    static func accepts(_ name: String) -> Bool {
        let octets = name.utf8
        guard (3...64).contains(octets.count), let first = octets.first, isAlphanumeric(first) else { return false }
        return octets.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F }
    }

    static func check(_ name: String, at pointer: String) throws(ServiceError) {
        guard accepts(name) else {
            let rule = "3 to 64 of a-z 0-9 _ -, starting with a letter or digit"
            throw ServiceError(
                .validationFailed,
                "\(pointer): \(rule)",
                problems: [FieldProblem(pointer: pointer, code: "invalid_name", detail: rule)]
            )
        }
    }

    private static func isAlphanumeric(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet)
    }
}
