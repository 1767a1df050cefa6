import Domain
import Encoding
import HTTPServing
import Lifecycle
import Logging
import PKI
import Query
import Store
import Synchronization
import Telemetry

/// Tries every protocol that is switched on as a client would, through the router, once the server is ready and whenever the
/// configuration has changed (protocol-servers §11). What fails is in the answer of the readiness probe, in the metrics and in the log.
struct ProtocolSelfTest: Sendable {
    /// How often is looked whether the configuration changed.
    private static let glance = Duration.seconds(5)
    /// Between two things that are tried: the address of the host has a limit like any other.
    private static let pause = Duration.milliseconds(100)
    /// After how long what fails is tried again, and everything.
    private static let (again, regular) = (Duration.seconds(15), Duration.hours(1))

    let database: any Database
    let time: TimeSource
    let health: ProtocolHealth
    /// The directories of the ACME server; none while it is off.
    let directories: @Sendable () async throws -> [ACMEDirectoryPath]
    /// The CAs that lists and answers are to be had of.
    let authorities: OCSPAuthorities
    /// Rises whenever the settings were read again.
    let settings: SettingsGeneration
    let ask: @Sendable (InnerRequest) async -> InnerAnswer
    let log: Logger

    private struct Mark: Hashable {
        let configuration: ConfigurationMark
        let settings: Int
    }

    /// Looks after the protocols until the task is cancelled.
    func run() async {
        var last: (mark: Mark, at: Timestamp)?
        while !Task.isCancelled {
            do {
                let mark = try await mark()
                let now = time.now
                if isDue(mark, last, now) {
                    try await test()
                    last = (mark, now)
                }
            } catch is CancellationError {
                return
            } catch {
                // The readiness probe says what is the matter with the database.
                log.debug("protocols could not be tried", .error(error))
            }
            do { try await time.sleep(Self.glance) } catch { return }
        }
    }

    private func isDue(_ mark: Mark, _ last: (mark: Mark, at: Timestamp)?, _ now: Timestamp) -> Bool {
        guard let last, last.mark == mark, now >= last.at else { return true }
        return now - last.at >= (health.isUnsettled ? Self.again : Self.regular)
    }

    private func mark() async throws -> Mark {
        // Read first: what changes meanwhile is tried at the next look.
        let settings = settings.number
        return Mark(configuration: try await database.read { try ConfigurationMark(in: $0) }, settings: settings)
    }

    /// Tries everything once.
    func test() async throws {
        var verdicts: [ProtocolSubject: SelfTestVerdict] = [:]
        for directory in try await directories() {
            try await time.sleep(Self.pause)
            let subject = ProtocolSubject(name: .acme, profile: directory.profile)
            let verdict = await acme(directory.path)
            // A profile that has two paths works when both do.
            if verdicts[subject] == nil || verdicts[subject] == .works { verdicts[subject] = verdict }
        }
        for (id, found) in try await authorities.everyone() {
            try await time.sleep(Self.pause)
            let lists = ProtocolSubject(name: .crl, profile: id.text)
            let answers = ProtocolSubject(name: .ocsp, profile: id.text)
            switch found {
            case .success(let authority):
                verdicts[lists] = await list(of: authority)
                verdicts[answers] = await answer(of: authority)
            case .failure(let error):
                log.error("a CA does not load", LogField("authority_id", id.text), .error(error))
                let verdict = SelfTestVerdict.fails("the CA can't be used; the log of the server tells why")
                (verdicts[lists], verdicts[answers]) = (verdict, verdict)
            }
        }
        health.take(verdicts, at: time.now)
    }

    // MARK: ACME

    /// The directory names its resources, and a nonce is to be had.
    private func acme(_ path: String) async -> SelfTestVerdict {
        let directory = await ask(InnerRequest("GET", path))
        if let verdict = Self.verdict(on: directory, wanting: 200, "the directory") { return verdict }
        guard let members = (try? JSONValue(parsing: directory.body))?.objectValue,
            let origin = members["newNonce"]?.stringValue.flatMap({ Self.origin($0) }),
            ["newAccount", "newOrder", "revokeCert", "keyChange"].allSatisfy({ name in
                members[name]?.stringValue?.hasPrefix(origin) ?? false
            })
        else { return .fails("the directory does not name its resources") }
        let place = path.dropLast("directory".count)
        let nonce = await ask(InnerRequest("HEAD", "\(place)new-nonce"))
        if let verdict = Self.verdict(on: nonce, wanting: 200, "new-nonce") { return verdict }
        guard let value = nonce.field("Replay-Nonce"), !value.isEmpty else { return .fails("new-nonce gives no nonce") }
        return .works
    }

    private static func origin(_ newNonce: String) -> String? {
        let suffix = "new-nonce"
        guard newNonce.hasPrefix("https://"), newNonce.hasSuffix("/\(suffix)") else { return nil }
        return String(newNonce.dropLast(suffix.count))
    }

    // MARK: Relying parties

    /// The complete list can be read, is in force, is signed by the CA, and does not come to its end.
    private func list(of authority: OCSPAuthority) async -> SelfTestVerdict {
        let answer = await ask(InnerRequest("GET", "/.well-known/pki/crl/\(authority.id.text)"))
        if let verdict = Self.verdict(on: answer, wanting: 200, "the revocation list") { return verdict }
        let list: CertificateRevocationList
        do {
            list = try CertificateRevocationList(der: answer.body)
        } catch {
            return .fails("the revocation list can't be read: \(error)")
        }
        guard let end = list.nextUpdate, end > time.now else { return .fails("the revocation list has ended") }
        guard list.issuer.matches(authority.certificate.subject) else {
            return .fails("the revocation list is that of another CA")
        }
        guard list.verifySignature(with: authority.certificate.subjectPublicKey) else {
            return .fails("the revocation list is not signed by the CA")
        }
        // The list of before a standstill is replaced within seconds.
        guard end - time.now >= (end - list.thisUpdate) / 4 else {
            return .notYet(
                "the revocation list ends at \(end.rfc3339), and no newer one was made: less than a quarter of its validity is left"
            )
        }
        return .works
    }

    /// A question about the certificate of the CA is answered, by whom the CA appointed.
    private func answer(of authority: OCSPAuthority) async -> SelfTestVerdict {
        let number = authority.certificate.serialNumber
        var question = InnerRequest("POST", "/.well-known/pki/ocsp/\(authority.id.text)")
        question.mediaType = "application/ocsp-request"
        question.body = OCSPRequest.encode([CertID(.sha1, of: number, issuer: authority.identity)])
        let answer = await ask(question)
        if let verdict = Self.verdict(on: answer, wanting: 200, "OCSP") { return verdict }
        let now = time.now
        do {
            switch try OCSPReply(der: answer.body) {
            // tryLater: the address asked too often, or the CA is busy.
            case .failure(3): return .notYet("OCSP answers tryLater")
            case .failure(let status): return .fails("OCSP answers with the failure \(status)")
            case .answer(let signed):
                try signed.verify(issuer: authority.certificate, at: now)
                guard signed.response(about: number, of: authority.certificate, at: now) != nil else {
                    return .fails("the OCSP answer is about something else, or not in force")
                }
            }
        } catch {
            return .fails("the OCSP answer \(error)")
        }
        return .works
    }

    /// What an answer of the wrong status means; `nil` for the right one.
    private static func verdict(
        on answer: InnerAnswer, wanting status: Int, _ what: String
    ) -> SelfTestVerdict? {
        switch answer.status {
        case status: nil
        case 429: .unknown
        case 503: .notYet("\(what) is not available (503)")
        default: .fails("\(what) is answered with status \(answer.status)")
        }
    }
}

/// Where a directory of the ACME server is.
struct ACMEDirectoryPath: Hashable, Sendable {
    let profile: String
    let path: String
}

/// How often the settings were read again.
final class SettingsGeneration: Sendable {
    private let count = Atomic(0)

    var number: Int { count.load(ordering: .acquiring) }

    func advance() { count.add(1, ordering: .acquiringAndReleasing) }
}
