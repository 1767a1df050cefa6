import APIContract
import Domain
import HTTPServing
import Lifecycle
import PKI
import Store

/// Revocation by certificate, serial number and key, and what is revoked (specification, rest-api §7.1).
struct RevocationHandlers: Sendable {
    let lists: Lists
    let flow: RevokeFlow
    let upstream: UpstreamRevocations

    func register(in handlers: inout HandlerTable) {
        handlers.on(RevocationRoutes.revoke, revoke)
        handlers.on(RevocationRoutes.release, release)
        handlers.on(RevocationRoutes.create, create)
        handlers.on(RevocationRoutes.list, list)
        handlers.on(RevocationRoutes.retry, retry)
    }

    private func revoke(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: RevokeRequest = try context.request.decode()
        if request.serialNumber != nil, request.allVersions {
            throw Self.invalid("/all_versions", "give serial_number or all_versions, not both")
        }
        let selection: RevocationTarget.Selection =
            request.serialNumber.map { .serial($0) } ?? (request.allVersions ? .everyVersion : .standard)
        let order = RevocationOrder(try Self.reason(request.reason), invalidityDate: request.invalidityDate)
        let result = try await flow.revoke(
            .certificate(try context.request.id(), selection), order, by: context.authorship)
        return Self.answer(result, isRelease: order.reason == .removeFromCRL)
    }

    private func release(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: ReleaseRequest = try context.request.decode()
        let selection: RevocationTarget.Selection = request.serialNumber.map { .serial($0) } ?? .everyVersion
        let result = try await flow.release(
            .certificate(try context.request.id(), selection), by: context.authorship)
        return Self.answer(result, isRelease: true)
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateRevocationRequest = try context.request.decode()
        let target: RevocationTarget
        switch (request.issuerID, request.serialNumber, request.spkiSHA256) {
        case (let issuer?, let serial?, nil):
            target = .serial(issuer, serial, by: request.issuingCA, notAfter: request.notAfter)
        case (nil, nil, let spki?) where request.issuingCA == nil: target = .key(spki)
        default: throw Self.invalid("/serial_number", "give issuer_id with serial_number, or spki_sha256 alone")
        }
        let order = RevocationOrder(try Self.reason(request.reason), invalidityDate: request.invalidityDate)
        let result = try await flow.revoke(target, order, by: context.authorship)
        return Self.answer(result, isRelease: order.reason == .removeFromCRL)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (query, clearance) = (context.query, context.clearance)
        var filter = RevocationFilter()
        filter.issuerIDs = query.ids("issuer_id")
        filter.certificateIDs = query.ids("certificate_id")
        filter.reasons = query.values("reason")
        filter.notifications = query.values("notification")
        if let text = query.text("serial") {
            guard let serial = try? SerialNumber(hex: text) else {
                throw ServiceError(.invalidParameter, "serial must be hexadecimal")
            }
            filter.serialNumber = serial.hex
        }
        filter.spkiSHA256 = query.text("spki_sha256")?.lowercased().filter { $0 != ":" }
        filter.revokedAfter = query.time("revoked_after")
        filter.revokedBefore = query.time("revoked_before")
        filter.includesReleased = query.flag("include_released") ?? true
        return try await lists.answer(
            context, filter: filter, natural: (RevocationSort.revokedAt, true),
            fetch: { try RevocationStore().list($0, within: clearance, in: $1) }, body: { RevocationBody($0) })
    }

    private func retry(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        .json(RevocationBody(try await upstream.retry(try context.request.id(), by: context.authorship)))
    }

    // MARK: Parts

    private static func reason(_ text: String) throws -> RevocationReason {
        guard let reason = RevocationReason(accepting: text) else {
            throw invalid("/reason", "is no reason of RFC 5280; there is no silent unspecified")
        }
        return reason
    }

    private static func invalid(_ pointer: String, _ detail: String) -> ServiceError {
        ServiceError(
            .validationFailed, "\(pointer): \(detail)",
            problems: [FieldProblem(pointer: pointer, code: "invalid_value", detail: detail)])
    }

    private static func answer(_ result: RevocationResult, isRelease: Bool) -> OutgoingResponse {
        .json(
            RevokeAnswer {
                $0.status = isRelease ? "released" : "revoked"
                $0.revokedAt = result.revocations.map(\.revokedAt).min() ?? .epoch
                $0.serials = result.revocations.map(\.serialNumber)
                $0.issuerNotified = result.revocations.allSatisfy(\.isIssuerNotified)
                $0.certificateIDs = result.certificates
            })
    }
}

extension Revocation {
    /// An issuer of ours knows by the revocation itself.
    fileprivate var isIssuerNotified: Bool { notification == .none || notification == .done }
}

extension RevocationBody {
    fileprivate init(_ revocation: Revocation) {
        self.init {
            $0.id = revocation.id
            $0.issuerID = revocation.issuerID
            $0.authorityID = revocation.authorityID
            $0.serialNumber = revocation.serialNumber
            $0.certificateID = revocation.certificateID
            $0.versionID = revocation.versionID
            $0.spkiSHA256 = revocation.spkiSHA256
            $0.reason = revocation.reason
            $0.revokedBy = revocation.revokedBy
            $0.revokedAt = revocation.revokedAt
            $0.invalidityDate = revocation.invalidityDate
            $0.releasedAt = revocation.releasedAt
            $0.notAfter = revocation.notAfter
            $0.isShortLived = revocation.isShortLived
            $0.changeNumber = revocation.changeNumber
            $0.issuerNotified = revocation.isIssuerNotified
            $0.notification = revocation.notification.rawValue
            $0.notifyError = revocation.notifyError
            $0.notifyAttempts = revocation.notifyAttempts
            $0.nextNotifyAt = revocation.nextNotifyAt
            $0.notifyEndedAt = revocation.notifyEndedAt
        }
    }
}
