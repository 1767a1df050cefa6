import Domain
import HostEffects
import TestSupport
import Testing

@testable import Deployment

@Suite("Targets §2.3 (a): what is about to become current is checked first")
struct MaterialCheckTests {
    /// Read after the certificates exist: an earlier value would make them certificates of the future.
    private static var now: Timestamp { TimeSource.system.now }

    private func run(_ files: [FileRole: String], now: Timestamp? = Self.now) -> DeploymentErrorCode? {
        do {
            try MaterialCheck.run(files.mapValues { Array($0.utf8) }, now: now)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("a right pair passes, also without its key")
    func right() async throws {
        let new = try await Certificates.newIssued()
        #expect(run([.certificate: new.fullChain, .key: new.key, .chain: new.chain]) == nil)
        #expect(run([.certificate: new.certificate]) == nil)
    }

    @Test("a foreign, a damaged and an empty key are refused")
    func keys() async throws {
        let new = try await Certificates.newIssued()
        let foreign = try await Certificates.otherIssued().key
        for key in [foreign, "", "not a key", String(new.key.dropLast(40)), new.certificate] {
            #expect(run([.certificate: new.fullChain, .key: key]) == .keyMismatch)
        }
    }

    @Test("an expired certificate and one of the future are refused unless forced")
    func dates() async throws {
        let new = try await Certificates.newIssued()
        let files = [FileRole.certificate: new.fullChain, .key: new.key]
        #expect(run(files, now: Self.now + .days(31)) == .certificateInvalid)
        #expect(run(files, now: Self.now - .days(1)) == .certificateInvalid)
        #expect(run(files, now: nil) == nil)
    }

    @Test("a chain that does not link is refused, in either file")
    func links() async throws {
        let new = try await Certificates.newIssued()
        let root = try await Certificates.root()
        let other = try await Certificates.otherIssued()
        #expect(run([.certificate: new.chain + new.certificate]) == .certificateInvalid)
        #expect(run([.certificate: new.certificate + root]) == .certificateInvalid)
        #expect(run([.certificate: new.certificate, .chain: other.certificate]) == .certificateInvalid)
        #expect(run([.certificate: new.fullChain, .chain: new.chain + root]) == nil)
    }

    @Test("text that holds no certificate is refused", arguments: ["", "x", "-----BEGIN CERTIFICATE-----\nAA\n"])
    func garbage(_ text: String) { #expect(run([.certificate: text]) == .certificateInvalid) }
}

@Suite("Command output in reports")
struct CommandStepTests {
    @Test("a private key that a command prints does not reach a report")
    func redaction() {
        let output = "before\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\nafter\n\n"
        #expect(CommandStep.redacted(output) == "before\n[private key removed]\nafter")
    }

    @Test("a key whose end was cut off is removed to the end")
    func unterminated() {
        #expect(CommandStep.redacted("x\n-----BEGIN EC PRIVATE KEY-----\nAAAA") == "x\n[private key removed]")
    }
}
