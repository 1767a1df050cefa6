package import ConnectorKit
package import Domain
import Encoding
import PKI
import Query
package import Store

/// Tells issuers that are not ours what was revoked here, until they answered for good or the certificate ended
/// (specification, issuers §2.9).
///
/// What is to be told stands in the rows of the revocations, written with them. Runs on every replica: a claim holds for the
/// length of a lease, and what an attempt brought is stored only while the claim is the newest one. A server that dies
/// between the call and its record leaves a claim that ends by itself; the issuer then says that it had done so already.
package struct UpstreamRevocations: Sendable {
    /// Of one claim.
    private static let batch = 50
    /// Longer than any call to an issuer and its record take.
    private static let lease = Duration.minutes(2)
    /// No call begins later than this after the claim, so that it ends within the lease.
    private static let startWindow = Duration.minutes(1)

    private let context: LifecycleContext
    private let registry: IssuerRegistry
    private let failed: @Sendable (IssuerID, IssuerError) -> Void
    private let store = RevocationStore()

    /// - `failed`: Told of an issuer that gave no answer, once for each round in which it gave none.
    package init(
        _ context: LifecycleContext, registry: IssuerRegistry,
        failed: @escaping @Sendable (IssuerID, IssuerError) -> Void = { _, _ in }
    ) {
        self.context = context
        self.registry = registry
        self.failed = failed
    }

    package var loop: Loop {
        Loop(
            name: .upstreamRevocations, interval: .seconds(5), budget: .minutes(5), placement: .everyReplica,
            tick: { _ in try await tick() })
    }

    // MARK: The loop

    /// Tells what is due. Issuers are told side by side, each of its own revocations one after another.
    package func tick() async throws -> LoopOutcome {
        var rows = 0
        while true {
            try Task.checkCancellation()
            let until = context.time.now + Self.startWindow
            let claimed = try await context.write { tx in
                try store.claimNotifications(limit: Self.batch, leaseFor: Self.lease, in: tx)
            }
            let failures = await withTaskGroup(of: (any Error)?.self) { group in
                for (issuer, orders) in Dictionary(grouping: claimed, by: \.revocation.issuerID) {
                    group.addTask {
                        do {
                            try await tell(issuer, orders, until: until)
                            return nil
                        } catch {
                            return error
                        }
                    }
                }
                return await group.reduce(into: [any Error]()) { if let error = $1 { $0.append(error) } }
            }
            try Task.checkCancellation()
            if let failure = failures.first { throw failure }
            rows += claimed.count
            if claimed.count < Self.batch { return LoopOutcome(rows: rows) }
        }
    }

    /// - `until`: What is not begun by then stays claimed until its lease ends.
    private func tell(_ id: IssuerID, _ orders: [ClaimedNotification], until: Timestamp) async throws {
        let issuer = try await context.read { tx in try IssuerStore().get(id, in: tx) }
        var silence: IssuerError?
        for order in orders where context.time.now < until {
            if order.revocation.notAfter <= context.time.now {
                try await end(order, .expired("the certificate ended before the issuer answered"), .expired, issuer)
                continue
            }
            do {
                // An issuer that does not answer is not asked for every one of many.
                if let silence { throw silence }
                try await conclude(order, try await answer(to: order, issuer), issuer)
            } catch let error as IssuerError {
                try Task.checkCancellation()
                if silence == nil { failed(id, error) }
                if error.errorClass.concernsWholeIssuer { silence = error }
                try await putOff(order, error, issuer)
            }
        }
    }

    private func answer(
        to order: ClaimedNotification, _ issuer: Issuer
    ) async throws -> UpstreamRevocationAnswer {
        let revocation = order.revocation
        guard let pem = order.pemChain, let leaf = try? X509Certificate(pem: Self.first(of: pem)),
            let serial = try? SerialNumber(hex: revocation.serialNumber)
        else {
            return .refused("the certificate is not stored here any more: revoke it at its issuer by hand")
        }
        let connector: any IssuerConnector
        do {
            connector = try await registry.connector(for: issuer.id, revision: issuer.configRevision)
        } catch let error as ServiceError {
            throw IssuerError(.other, error.detail, help: "see certctl issuers get \(issuer.id.text)")
        }
        guard let teller = connector as? any RevocationTelling else {
            return .refused("issuers of type \(issuer.type.rawValue) take no revocations: revoke it there by hand")
        }
        return try await teller.revoke(
            UpstreamRevocation(
                revocation.isInForce
                    ? .revoke(revocation.reason, invalidityDate: revocation.invalidityDate) : .release,
                leaf: leaf, serialNumber: serial,
                upstream: order.upstream.map { UpstreamOrder(reference: $0.id, state: $0.reference.text) },
                idempotencyKey: "\(revocation.id.text).\(revocation.changeNumber)",
                pending: revocation.notifyReference))
    }

    private static func first(of chain: String) -> String {
        let mark = "-----END CERTIFICATE-----"
        guard let end = chain.firstRange(of: mark) else { return chain }
        return String(chain[..<end.upperBound])
    }

    // MARK: What came of it

    private func conclude(
        _ order: ClaimedNotification, _ answer: UpstreamRevocationAnswer, _ issuer: Issuer
    ) async throws {
        switch answer {
        case .acknowledged: try await end(order, .done, .acknowledged, issuer)
        case .alreadyDone: try await end(order, .done, .alreadyDone, issuer)
        case .refused(let text): try await end(order, .refused(Self.short(text)), .refused, issuer)
        case .pending(let reference, let retryAfter):
            let next = context.time.now + wait(order, retryAfter)
            let isStored = try await context.write { tx in
                try store.postpone(order.revocation, until: next, error: nil, reference: reference, in: tx)
            }
            if isStored { context.observers.revocationTold(issuer.type, .pending) }
        }
    }

    private func putOff(_ order: ClaimedNotification, _ error: IssuerError, _ issuer: Issuer) async throws {
        let next = context.time.now + wait(order, error.retryAfter)
        let isStored = try await context.write { tx in
            try store.postpone(order.revocation, until: next, error: Self.short("\(error)"), in: tx)
        }
        if isStored { context.observers.revocationTold(issuer.type, .failed) }
    }

    private func wait(_ order: ClaimedNotification, _ retryAfter: Duration?) -> Duration {
        RevocationRetry.wait(
            attempts: order.revocation.notifyAttempts, retryAfter: retryAfter, unit: context.random.unitInterval())
    }

    /// The end and its record are one transaction; an end that came too late is neither.
    private func end(
        _ order: ClaimedNotification, _ end: NotificationEnd, _ told: LifecycleObservers.RevocationTold,
        _ issuer: Issuer
    ) async throws {
        let revocation = order.revocation
        let isStored = try await context.write { tx in
            guard try store.settle(revocation, end, in: tx) else { return false }
            var details = Self.details(revocation)
            details["attempts"] = .integer(Int64(revocation.notifyAttempts))
            let action: RecordedAction.UpstreamRevocation
            switch end {
            case .done:
                action = .acknowledged
                details["already_done"] = .bool(told == .alreadyDone)
            case .refused(let text):
                action = .refused
                details["error"] = .string(text)
            case .expired:
                action = .expired
                details["error"] = revocation.notifyError.map { .string($0) }
            }
            try record(action, revocation, details, by: .system, in: tx)
            return true
        }
        if isStored { context.observers.revocationTold(issuer.type, told) }
    }

    private func record(
        _ action: RecordedAction.UpstreamRevocation, _ revocation: Revocation, _ details: JSONObject,
        by author: Authorship, in tx: any Transaction
    ) throws {
        try context.recorder.record(
            .upstreamRevocation(action, isKnown: revocation.certificateID != nil),
            revocation.certificateID?.text ?? revocation.id.text, details: details, by: author, in: tx)
    }

    private static func details(_ revocation: Revocation) -> JSONObject {
        [
            "revocation_id": .string(revocation.id.text), "issuer_id": .string(revocation.issuerID.text),
            "serial_number": .string(revocation.serialNumber),
            "change": .string(revocation.isInForce ? revocation.reason.rawValue : "release"),
        ]
    }

    private static func short(_ text: String) -> String {
        String(decoding: text.utf8.prefix(IssuerError.longestMessage), as: UTF8.self)
    }

    // MARK: By hand

    /// Has the issuer told at once, also of what it had refused.
    ///
    /// Throws 404 for what is not there or out of reach, and 409 when there is nothing to tell.
    package func retry(_ id: RevocationID, by author: Authorship) async throws -> Revocation {
        try await context.write { tx in
            let known = try store.get(id, within: author.clearance, in: tx)
            guard let renewed = try store.renewNotification(id, in: tx) else {
                throw ServiceError(.invalidState, Self.nothingToTell(known))
            }
            var details = Self.details(renewed)
            details["was"] = .string(known.notification.rawValue)
            try record(.retried, renewed, details, by: author, in: tx)
            return renewed
        }
    }

    private static func nothingToTell(_ known: Revocation) -> String {
        switch known.notification {
        case .none: "its issuer is an authority of this server and needs not be told"
        case .done: "its issuer knows already"
        case .expired, .pending, .refused: "the certificate has ended"
        }
    }
}

extension IssuerError.Class {
    /// Whether the next revocation would meet the same.
    fileprivate var concernsWholeIssuer: Bool {
        switch self {
        case .auth, .network, .timeout, .rateLimited, .upstream5xx: true
        case .other, .validation, .upstream4xx: false
        }
    }
}
