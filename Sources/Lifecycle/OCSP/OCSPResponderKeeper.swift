import ConnectorKit
import Domain
package import EmbeddedCA
import Encoding
import PKI
import Query
package import Sealing
import Store
import Synchronization

/// Keeps the delegated responders: appoints, opens and replaces them (RFC 6960 §4.2.2.2).
///
/// An appointment is on record with its serial number before the CA signs, and the row is what replicas agree by: one
/// appointment of an authority is under way at a time, one responder is current. An answer bears the certificate of the
/// responder that signed it, so answers of a superseded one stay good until they end.
package final class OCSPResponderKeeper: Sendable {
    /// After this long whoever was appointing is taken for dead.
    private static let appointmentTimeout = Duration.seconds(30)
    /// How long another one's appointment is waited for.
    private static let patience = Duration.seconds(5)
    /// How long a responder is used before the database is asked whether it is still the current one.
    private static let memory = Duration.minutes(1)

    private struct Entry {
        let responder: OCSPResponder
        let fingerprint: String
        let readAt: Timestamp
    }

    private let context: LifecycleContext
    private let keys: OCSPResponderKeys
    private let plan: @Sendable () -> OCSPPlan
    private let entries = Mutex<[AuthorityID: Entry]>([:])
    private let appointing = Mutex<Set<AuthorityID>>([])
    private let store = OCSPResponderStore()

    /// Keys are sealed in the database, where every replica reads them, unless there are files; and lie beside those of
    /// authorities, with the drivers of `keys`, where the plan says so.
    package init(
        _ context: LifecycleContext, sealer: Sealer, files: OCSPKeyFiles?,
        keys: KeyDriverRegistry = KeyDriverRegistry([]), plan: @escaping @Sendable () -> OCSPPlan
    ) {
        self.context = context
        self.keys = OCSPResponderKeys(
            sealer: sealer, files: files, drivers: keys, algorithms: context.algorithms)
        self.plan = plan
    }

    /// Who answers for an authority now; appointed here when nobody does.
    package func responder(of authority: OCSPAuthority) async throws -> OCSPResponder {
        let now = context.time.now
        if let known = known(authority, at: now) { return known }
        guard let stored = try await stored(authority, at: now) else { return try await appoint(authority) }
        guard !keys.isAllowed(KeyKind(stored.certificate.subjectPublicKey)) else { return stored }
        return await successor(of: authority) ?? stored
    }

    /// Takes the place of a responder of a kind that is denied, which answers on while nobody can be appointed: it was
    /// remembered before this is tried, so that is once in a while and not for every answer.
    private func successor(of authority: OCSPAuthority) async -> OCSPResponder? {
        guard let seen = try? await currentID(of: authority) else { return nil }
        return try? await make(authority, replacing: seen, fence: { _ in })
    }

    private func known(_ authority: OCSPAuthority, at now: Timestamp) -> OCSPResponder? {
        guard let entry = entries.withLock({ $0[authority.id] }), entry.fingerprint == authority.fingerprint,
            entry.responder.certificate.notAfter > now
        else { return nil }
        let age = now - entry.readAt
        return age >= .zero && age < Self.memory ? entry.responder : nil
    }

    private func stored(_ authority: OCSPAuthority, at now: Timestamp) async throws -> OCSPResponder? {
        guard let row = try await context.database.read({ [store] in try store.current(of: authority.id, in: $0) }),
            row.appointment.caSHA256 == authority.fingerprint, row.notAfter > now,
            let responder = try await open(row, authority)
        else { return nil }
        remember(responder, authority, at: now)
        return responder
    }

    /// `nil` for a key that is gone or another one: its responder is replaced.
    private func open(_ row: OCSPResponderRow, _ authority: OCSPAuthority) async throws -> OCSPResponder? {
        guard let (signer, driver) = try await keys.open(row.appointment.key, of: row.appointment.id) else {
            return nil
        }
        let certificate = try X509Certificate(pem: row.certificatePEM)
        guard signer.publicKey == certificate.subjectPublicKey else { return nil }
        return try OCSPResponder(
            certificate: certificate, signer: signer, driver: driver, issuer: authority.certificate)
    }

    private func remember(_ responder: OCSPResponder, _ authority: OCSPAuthority, at now: Timestamp) {
        entries.withLock {
            $0[authority.id] = Entry(responder: responder, fingerprint: authority.fingerprint, readAt: now)
        }
    }

    // MARK: Appointment

    /// Appoints a responder, or waits for whoever does.
    private func appoint(_ authority: OCSPAuthority) async throws -> OCSPResponder {
        let deadline = context.time.now + Self.patience
        while true {
            let isFirst = appointing.withLock { $0.insert(authority.id).inserted }
            if isFirst {
                defer { appointing.withLock { _ = $0.remove(authority.id) } }
                let seen = try await currentID(of: authority)
                if let stored = try await stored(authority, at: context.time.now) { return stored }
                if let made = try await make(authority, replacing: seen, fence: { _ in }) { return made }
            }
            guard context.time.now < deadline else {
                throw ServiceError(.unavailable, "no OCSP responder of \(authority.id.text) was appointed in time")
            }
            try await context.time.sleep(.milliseconds(50))
            if let known = known(authority, at: context.time.now) { return known }
            if let stored = try await stored(authority, at: context.time.now) { return stored }
        }
    }

    private func currentID(of authority: OCSPAuthority) async throws -> OCSPResponderID? {
        try await context.database.read { [store] in try store.current(of: authority.id, in: $0)?.appointment.id }
    }

    /// `nil` when another appointment is under way, or was made since `seen` was found wanting.
    private func make(
        _ authority: OCSPAuthority, replacing seen: OCSPResponderID?,
        fence: @escaping @Sendable (any Transaction) throws -> Void
    ) async throws -> OCSPResponder? {
        let plan = plan()
        let serial = SerialNumber.random(context.random)
        let id: OCSPResponderID = context.newID()
        let made = try await keys.make(for: authority, as: id, replacing: seen, plan)
        let key = made.signer.publicKey
        let pending = PendingOCSPResponder(
            id: id, authority: authority.id, caSHA256: authority.fingerprint, serialNumber: serial.hex,
            keyAlgorithm: key.name, spkiSHA256: key.spkiSHA256, key: made.place,
            createdAt: context.time.now)
        let hasBegun = try await context.database.write { [store] tx in
            try fence(tx)
            return try store.begin(
                pending, replacing: seen, abandonedBefore: tx.now - Self.appointmentTimeout, in: tx)
        }
        guard hasBegun else {
            await keys.abandon(made, another: true)
            return nil
        }
        do {
            let certificate = try await authority.connector.appointResponder(
                key, serial: RecordedSerial(alreadyRecorded: serial), validity: plan.responderValidity)
            try await keys.keep(made)
            let responder = try OCSPResponder(
                certificate: certificate, signer: made.signer, driver: made.driver, issuer: authority.certificate)
            guard try await complete(id, certificate, of: authority, fence: fence) else { return nil }
            remember(responder, authority, at: context.time.now)
            return responder
        } catch {
            // What cannot be written now is taken for abandoned in a while.
            let isAbandoned: Void? = try? await context.database.write { [store] tx in try store.abandon(id, in: tx) }
            if isAbandoned != nil { await keys.abandon(made, another: false) }
            throw error
        }
    }

    private func complete(
        _ id: OCSPResponderID, _ certificate: X509Certificate, of authority: OCSPAuthority,
        fence: @escaping @Sendable (any Transaction) throws -> Void
    ) async throws -> Bool {
        let recorder = context.recorder
        return try await context.database.write { [store] tx in
            try fence(tx)
            let isComplete = try store.complete(
                id, of: authority.id, certificatePEM: certificate.pem,
                validity: (certificate.notBefore, certificate.notAfter), in: tx)
            guard isComplete else { return false }
            try recorder.record(
                .ocspResponderAppointed, authority.id.text,
                details: [
                    "serial_number": .string(certificate.serialNumber.hex),
                    "fingerprint_sha256": .string(certificate.fingerprintSHA256),
                    "not_after": .string(certificate.notAfter.rfc3339),
                ],
                by: .system, in: tx)
            return true
        }
    }

    // MARK: Rotation

    /// Appoints where nobody answers or the end is near, and forgets whoever's last answer has ended.
    ///
    /// - `fence`: Throws in the transaction of a leader that was replaced.
    /// - `failed`: Hears of an authority that cannot appoint; the others are looked after all the same.
    /// - Returns: How many were appointed.
    func rotate(
        _ authorities: [OCSPAuthority], fence: @escaping @Sendable (any Transaction) throws -> Void,
        failed: (AuthorityID, any Error) -> Void
    ) async throws -> Int {
        var count = 0
        for authority in authorities {
            try Task.checkCancellation()
            do {
                let seen = try await currentID(of: authority)
                guard try await isDue(authority) else { continue }
                if try await make(authority, replacing: seen, fence: fence) != nil { count += 1 }
            } catch let error as LostLeadership {
                throw error
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                failed(authority.id, error)
            }
        }
        try await forget(fence: fence, failed: failed)
        return count
    }

    /// Removes keys and rows of responders whose last answer has ended: the key first, so that none is left that nobody
    /// knows of. What cannot be removed now is the next look's.
    private func forget(
        fence: @escaping @Sendable (any Transaction) throws -> Void, failed: (AuthorityID, any Error) -> Void
    ) async throws {
        // A replica that has not noticed yet signs as the superseded one for a little longer.
        let slack = plan().responseValidity + Self.memory + .minutes(5)
        let ended = try await context.database.read { [store] tx in
            try store.ended(supersededBefore: tx.now - slack, in: tx)
        }
        for row in ended {
            try Task.checkCancellation()
            do {
                try await keys.discard(row.appointment.key)
            } catch {
                failed(row.appointment.authority, error)
                continue
            }
            try await context.database.write { [store] tx in
                try fence(tx)
                try store.remove(row.appointment.id, in: tx)
            }
        }
    }

    /// A responder of a kind that is denied signs until another one is appointed: answers go on.
    private func isAllowed(_ row: OCSPResponderRow) throws -> Bool {
        keys.isAllowed(KeyKind(try X509Certificate(pem: row.certificatePEM).subjectPublicKey))
    }

    private func isFit(_ row: OCSPResponderRow, _ authority: OCSPAuthority) throws -> Bool {
        keys.isFit(
            try X509Certificate(pem: row.certificatePEM).subjectPublicKey, at: row.appointment.key, for: authority)
    }

    private func isDue(_ authority: OCSPAuthority) async throws -> Bool {
        let now = context.time.now
        guard let row = try await context.database.read({ [store] in try store.current(of: authority.id, in: $0) }),
            row.appointment.caSHA256 == authority.fingerprint
        else { return true }
        if row.notAfter - now <= plan().rotationGrace, row.notAfter < authority.certificate.notAfter { return true }
        if row.notAfter > now, try !keys.isInPlace(row.appointment.key, of: authority, plan()) { return true }
        if row.notAfter > now, try !isAllowed(row) || !isFit(row, authority) { return true }
        // A key that does not open with the sealer is an error for the log, not a reason for another key.
        return row.notAfter > now ? try await open(row, authority) == nil : true
    }
}
