package import Domain
import EmbeddedCA
import Encoding
package import PKI
import Query
import Store

/// What a client of OCSP gets.
package struct OCSPReplyOctets: Hashable, Sendable {
    package let der: [UInt8]
    /// When an answer that is the same for everybody was made and ends; `nil` for what nobody may keep.
    package var updates: (this: Timestamp, next: Timestamp)? {
        thisUpdate.flatMap { this in nextUpdate.map { (this, $0) } }
    }

    private var thisUpdate: Timestamp?
    private var nextUpdate: Timestamp?

    init(_ answer: CachedOCSPResponse) {
        der = answer.response
        thisUpdate = answer.thisUpdate
        nextUpdate = answer.nextUpdate
    }

    init(der: [UInt8]) { self.der = der }

    package init(_ failure: OCSPFailure) { der = failure.der }
}

/// Answers OCSP requests (RFC 6960, RFC 9919).
///
/// An answer is given only when its status, or everything that changed since, was read from the database after the request
/// came in: see ``OCSPFreshness``. So no request that follows a revocation is told `good`, on any replica.
package struct OCSPService: Sendable {
    /// Requests that are signed for at a time; more are answered from what is stored, or asked to come later.
    private static let liveSignatures = 64

    let context: LifecycleContext
    package let authorities: OCSPAuthorities
    package let keeper: OCSPResponderKeeper
    let observers: OCSPObservers
    let plan: @Sendable () -> OCSPPlan
    private let freshness: OCSPFreshness
    private let memory: OCSPMemory
    private let slots = OCSPSlots(liveSignatures)
    let store = OCSPResponseStore()

    package init(
        _ context: LifecycleContext, authorities: OCSPAuthorities, keeper: OCSPResponderKeeper,
        observers: OCSPObservers = OCSPObservers(), plan: @escaping @Sendable () -> OCSPPlan
    ) {
        self.context = context
        self.authorities = authorities
        self.keeper = keeper
        self.observers = observers
        self.plan = plan
        let memory = OCSPMemory()
        self.memory = memory
        freshness = OCSPFreshness {
            let known = memory.known
            memory.take(try await context.database.read { try OCSPResponseStore().changes(since: known, in: $0) })
        }
    }

    /// Answers the request that a client sent to the address of `authority`.
    ///
    /// - `mayDeny`: Whether this client may be told of one more certificate that is unknown; each such answer costs a
    ///   signature, and anybody can ask for as many as there are numbers.
    package func answer(
        _ octets: [UInt8], at authority: OCSPAuthority, mayDeny: () -> Bool
    ) async -> OCSPReplyOctets {
        do {
            return try await answer(OCSPRequest(der: octets), at: authority, mayDeny)
        } catch let error as OCSPRequestError {
            observers.count(error.isAboutNonce ? .nonceMalformed : .requestInvalid)
            return OCSPReplyOctets(.malformedRequest)
        } catch {
            return failure(authority, error)
        }
    }

    /// Answers about one certificate of `authority`, asked for by its number alone.
    package func answer(
        about serial: SerialNumber, of authority: OCSPAuthority, mayDeny: () -> Bool
    ) async -> OCSPReplyOctets {
        do {
            let certID = CertID(.sha1, of: serial, issuer: authority.identity)
            return try await answer(about: certID, of: authority, mayDeny)
        } catch {
            return failure(authority, error)
        }
    }

    private func failure(_ authority: OCSPAuthority, _ error: any Error) -> OCSPReplyOctets {
        if error is CancellationError { return OCSPReplyOctets(.tryLater) }
        observers.count(.signingFailed)
        observers.failed(authority.id, error)
        return OCSPReplyOctets(.tryLater)
    }

    private func answer(
        _ request: OCSPRequest, at addressed: OCSPAuthority, _ mayDeny: () -> Bool
    ) async throws -> OCSPReplyOctets {
        guard let first = request.certIDs.first, let authority = try await authority(of: first, addressed),
            request.certIDs.allSatisfy({ $0.matches(authority.identity) })
        else { return OCSPReplyOctets(.unauthorized) }
        if request.nonce == nil, request.certIDs.count == 1 {
            return try await answer(about: first, of: authority, mayDeny)
        }
        guard slots.take() else {
            // A nonce may be left out of the answer (RFC 9654 §2.1).
            guard request.certIDs.count == 1 else { return OCSPReplyOctets(.tryLater) }
            return try await answer(about: first, of: authority, mayDeny)
        }
        defer { slots.giveBack() }
        return try await signed(request.certIDs, nonce: request.nonce, authority, mayDeny)
    }

    /// Whose certificate is named: the addressed authority's, or another's that is answered for here.
    private func authority(of certID: CertID, _ addressed: OCSPAuthority) async throws -> OCSPAuthority? {
        if certID.matches(addressed.identity) { return addressed }
        guard certID.hash != nil else { return nil }
        return try await authorities.all().first { certID.matches($0.identity) }
    }

    // MARK: Answers that many get

    private func answer(
        about certID: CertID, of authority: OCSPAuthority, _ mayDeny: () -> Bool
    ) async throws -> OCSPReplyOctets {
        guard let serial = certID.serialNumber?.hex else {
            return try await signed([certID], nonce: nil, authority, mayDeny)
        }
        let form = authority.cacheForm(certID)
        let key = OCSPMemory.Key(authority: authority.id, serial: serial)
        try await freshness.refresh()
        if let answer = memory.find(key, form), isYoung(answer) {
            observers.hit(.memory)
            observers.count(.requestSuccess)
            return OCSPReplyOctets(answer)
        }
        let (subject, change, stored) = try await context.database.read { [store] tx in
            (
                try store.subject(authority: authority.id, issuer: authority.issuer, serial: serial, in: tx),
                try RevocationStore().lastChange(of: authority.id, in: tx),
                try store.find(authority: authority.id, serial: serial, form: form, in: tx)
            )
        }
        guard let subject else { return try await signed([certID], nonce: nil, authority, mayDeny) }
        if let stored, stored.status == subject.status, isYoung(stored) {
            memory.put(stored, key, form, asOf: change)
            observers.hit(.database)
            observers.count(.requestSuccess)
            try await noteInterest(in: stored)
            return OCSPReplyOctets(stored)
        }
        guard slots.take() else { return OCSPReplyOctets(.tryLater) }
        defer { slots.giveBack() }
        do {
            let answer = try await sign(certID, subject, authority, requestedAt: context.time.now)
            memory.put(answer, key, form, asOf: change)
            try await context.database.write { [store] tx in
                try store.put(answer, issuer: authority.issuer, in: tx)
            }
            observers.count(.requestSuccess)
            return OCSPReplyOctets(answer)
        } catch {
            // What is stored is still true, only not young: better than nothing while the CA cannot be reached.
            guard let stored, stored.status == subject.status, stored.nextUpdate > context.time.now else {
                throw error
            }
            observers.count(.signingFailed)
            observers.failed(authority.id, error)
            return OCSPReplyOctets(stored)
        }
    }

    private func isYoung(_ answer: CachedOCSPResponse) -> Bool {
        let (now, age) = (context.time.now, context.time.now - answer.thisUpdate)
        return age > .seconds(-1) && age < plan().refreshAge && answer.nextUpdate > now
    }

    private func noteInterest(in answer: CachedOCSPResponse) async throws {
        guard context.time.now - answer.requestedAt > plan().responseValidity / 4 else { return }
        try await context.database.write { [store] tx in try store.touch(answer, in: tx) }
    }

    /// Signs an answer that may be kept.
    func sign(
        _ certID: CertID, _ subject: OCSPSubject, _ authority: OCSPAuthority, requestedAt: Timestamp
    ) async throws -> CachedOCSPResponse {
        let responder = try await keeper.responder(of: authority)
        let updates = updates(responder)
        let single = Self.single(certID, subject, updates, authority)
        let octets = try await sign([single], nonce: nil, at: updates.this, responder)
        return CachedOCSPResponse(
            authority: authority.id, serialNumber: certID.serialNumber?.hex ?? "",
            form: authority.cacheForm(certID), status: subject.status, response: octets, updates: updates,
            requestedAt: requestedAt)
    }

    // MARK: Answers for one request

    private func signed(
        _ certIDs: [CertID], nonce: [UInt8]?, _ authority: OCSPAuthority, _ mayDeny: () -> Bool
    ) async throws -> OCSPReplyOctets {
        let serials = certIDs.map { $0.serialNumber?.hex }
        let subjects = try await context.database.read { [store] tx in
            try serials.map {
                try $0.flatMap {
                    try store.subject(authority: authority.id, issuer: authority.issuer, serial: $0, in: tx)
                }
            }
        }
        if subjects.contains(nil) {
            observers.count(.certificateNotFound)
            guard mayDeny() else {
                observers.count(.rateLimited)
                return OCSPReplyOctets(.tryLater)
            }
        }
        let responder = try await keeper.responder(of: authority)
        let updates = updates(responder)
        let responses = zip(certIDs, subjects).map { certID, subject in
            Self.single(certID, subject, updates, authority)
        }
        let saysExtendedRevoke = authority.revokesUnknown && subjects.contains(nil)
        let octets = try await sign(
            responses, nonce: nonce, at: updates.this, responder, saysExtendedRevoke: saysExtendedRevoke)
        observers.count(.requestSuccess)
        if nonce != nil { observers.count(.nonceEchoed) }
        return OCSPReplyOctets(der: octets)
    }

    private func updates(_ responder: OCSPResponder) -> (this: Timestamp, next: Timestamp) {
        let now = Timestamp(secondsSinceEpoch: context.time.now.secondsSinceEpoch)
        return (now, min(now + plan().responseValidity, responder.certificate.notAfter))
    }

    /// Whether a certificate has expired says the certificate; how far back its status is known says the cut-off, which is
    /// the beginning of the CA because nothing is forgotten (RFC 6960 §4.4.4).
    private static func single(
        _ certID: CertID, _ subject: OCSPSubject?, _ updates: (this: Timestamp, next: Timestamp),
        _ authority: OCSPAuthority
    ) -> OCSPSingleResponse {
        let status: OCSPCertificateStatus =
            switch subject?.status {
            case nil:
                authority.revokesUnknown
                    ? .revoked(at: Timestamp(secondsSinceEpoch: 0), reason: .certificateHold) : .unknown
            case .good: .good
            case .revoked(let time, let reason): .revoked(at: time, reason: reason)
            }
        let hasExpired = subject?.notAfter.map { $0 < updates.this } ?? false
        return OCSPSingleResponse(
            certID, status, updates: updates,
            archiveCutoff: hasExpired ? authority.certificate.notBefore : nil)
    }

    private func sign(
        _ responses: [OCSPSingleResponse], nonce: [UInt8]?, at time: Timestamp, _ responder: OCSPResponder,
        saysExtendedRevoke: Bool = false
    ) async throws -> [UInt8] {
        let start = ContinuousClock.now
        var template = OCSPResponseTemplate(
            responder: responder.certificate.subjectPublicKey, producedAt: time, responses: responses)
        template.nonce = nonce
        template.saysExtendedRevoke = saysExtendedRevoke
        let octets = try await responder.sign(template)
        observers.signed(start.duration(to: .now), responder.driver)
        return octets
    }
}
