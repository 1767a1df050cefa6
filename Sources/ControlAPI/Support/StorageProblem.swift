package import Domain
import Query
import Store

/// What a client is told when the database, and not the request, is at fault (rest-api §3: 503 with `Retry-After`).
package enum StorageProblem {
    /// `nil` for what is a mistake of ours: that stays a 500.
    package static func explain(_ error: any Error) -> ServiceError? {
        switch error {
        case let refusal as StoreError: refusal.serviceError
        case let failure as DatabaseError: explain(failure.kind)
        default: nil
        }
    }

    private static func explain(_ kind: DatabaseError.Kind) -> ServiceError? {
        switch kind {
        case .retryable:
            ServiceError(.transient, "the request met a concurrent change; repeat it", retryAfter: .seconds(1))
        case .diskFull:
            ServiceError(
                .unavailable, "nothing was stored: the database's disk is full; its operator must make room",
                retryAfter: .seconds(30)
            )
        case .readOnly:
            ServiceError(.unavailable, "nothing was stored: the database is read-only", retryAfter: .seconds(30))
        case .unavailable, .authenticationFailed, .permissionDenied:
            ServiceError(.unavailable, "the database cannot be reached; repeat the request", retryAfter: .seconds(5))
        case .uniqueViolation, .foreignKeyViolation, .checkViolation, .notNullViolation, .corrupt, .statement:
            nil
        }
    }
}
