import APIContract
import Domain
import Encoding
import HTTPServing
import HTTPTypes
import Lifecycle
import Query
import Store

/// Serves revocation lists. What is served was signed before; no request makes the server sign.
struct RevocationListHandlers: Sendable {
    /// No client need look more often (protocol-servers §5.3).
    private static let longestAge = Duration.hours(1)

    let database: any Database
    let shelf: RevocationListShelf
    let time: TimeSource

    func register(in handlers: inout HandlerTable) {
        handlers.on(RevocationListRoutes.full) { request in
            try await answer(request.request.parameter("issuer_id"), .full)
        }
        handlers.on(RevocationListRoutes.partial) { request in
            let partition = request.request.parameter("partition")
            guard let scope = RevocationListScope(Self.withoutSuffix(partition)) else {
                throw ServiceError(.notFound, "there is no revocation list \(partition)")
            }
            return try await answer(request.request.parameter("issuer_id"), scope)
        }
    }

    private func answer(_ name: String, _ scope: RevocationListScope) async throws -> OutgoingResponse {
        for candidate in [name, Self.withoutSuffix(name)] {
            guard let issuer = try? IssuerID(candidate) else { continue }
            if let list = try await shelf.list(of: AuthorityID(soleOf: issuer), scope) {
                return try response(list)
            }
        }
        throw try await missing(name, scope)
    }

    private func response(_ list: ShelvedList) throws -> OutgoingResponse {
        let left = list.row.nextUpdate - time.now
        guard left > .zero else { throw Self.later("the revocation list ended at \(list.row.nextUpdate.rfc3339)") }
        var response = OutgoingResponse.parts(200, "application/pkix-crl", list.parts)
        response.fields[.eTag] = "\"\(list.row.sha256)\""
        let age = min(Self.longestAge, left).components.seconds
        response.fields[.cacheControl] = "public, max-age=\(age), must-revalidate"
        response.fields[.lastModified] = HTTPDate.text(list.row.thisUpdate)
        response.fields[.expires] = HTTPDate.text(list.row.nextUpdate)
        response.fields[.acceptRanges] = "none"
        return response
    }

    private func missing(_ name: String, _ scope: RevocationListScope) async throws -> ServiceError {
        let issuer = try await database.read { tx -> Issuer? in
            for candidate in [name, Self.withoutSuffix(name)] {
                if let id = try? IssuerID(candidate), let issuer = try IssuerStore().find(id, in: tx) { return issuer }
            }
            return nil
        }
        guard let issuer else { return try await missingNode(name, scope) }
        guard issuer.hierarchyMode == .single else {
            return ServiceError(
                .notSupportedByIssuer,
                "issuer \(issuer.id.text) is a tree of CAs; each of them has lists at an address of its own")
        }
        guard issuer.type == .genericCA else {
            return ServiceError(
                .notSupportedByIssuer,
                "issuer \(issuer.id.text) signs no revocation lists here; ask it directly")
        }
        guard scope == .full else { return ServiceError(.notFound, "there is no revocation list \(scope)") }
        return Self.later("the first revocation list of issuer \(issuer.id.text) is not made yet")
    }

    private func missingNode(_ name: String, _ scope: RevocationListScope) async throws -> ServiceError {
        let node = try await database.read { tx in
            try IntermediateCAStore().find(AuthorityID(stored: Self.withoutSuffix(name)), in: tx)
        }
        guard let node, node.state != .pending, scope == .full else {
            return ServiceError(.notFound, "there is no issuer \(name)")
        }
        guard node.hasKey else {
            return ServiceError(
                .notSupportedByIssuer, "the key of the CA \(node.id.text) is not here; its lists are signed elsewhere")
        }
        return Self.later("the first revocation list of the CA \(node.id.text) is not made yet")
    }

    private static func later(_ reason: String) -> ServiceError {
        ServiceError(.unavailable, reason, retryAfter: .seconds(5))
    }

    private static func withoutSuffix(_ name: String) -> String {
        name.hasSuffix(".crl") ? String(name.dropLast(4)) : name
    }
}
