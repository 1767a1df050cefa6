import APIContract
import Domain
import HTTPServing
import Lifecycle

/// Encryption at rest.
struct CryptoHandlers: Sendable {
    let rekey: RekeyFlow
    let provider: String
    let time: TimeSource

    func register(in handlers: inout HandlerTable) {
        handlers.on(CryptoRoutes.status, status)
        handlers.on(CryptoRoutes.rekey, rotate)
    }

    private func status(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        .json(body(try await rekey.status()))
    }

    private func rotate(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: RekeyRequest = try context.request.decode()
        if request.resealsOnly {
            let status = try await rekey.reseal(rehearsing: request.isRehearsal, by: context.authorship)
            return .json(body(status))
        }
        let status = try await rekey.rotate(rehearsing: request.isRehearsal, by: context.authorship)
        return .json(body(status), status: request.isRehearsal ? 200 : 202)
    }

    private func body(_ status: SealingStatus) -> CryptoStatusBody {
        CryptoStatusBody {
            $0.provider = provider
            $0.activeID = status.activeID
            $0.nextID = status.nextID
            $0.previousIDs = status.previousIDs
            $0.rowsByVersion = status.countsByFormat
            $0.rowsByKey = status.countsByKey
            $0.remaining = status.remaining
            $0.ageInDays = Int((time.now - status.activeSince) / .days(1))
            $0.serversWithoutNext = status.serversWithoutNext
            $0.failures = status.failures
        }
    }
}
