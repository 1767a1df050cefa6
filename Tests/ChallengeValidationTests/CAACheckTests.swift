import Domain
import Outbound
import Synchronization
import Testing

@testable import ChallengeValidation

@Suite("RFC 8659, RFC 8657: CAA records say who may issue, for which account and by which proof")
struct CAACheckTests {
    private static let account = "https://ca.example/acme/account/acme-acc-1"

    /// A DNS with these records; what is asked for is noted.
    private final class Zone: Sendable {
        let records: [String: [DNSRecord.Content]]
        private let names = Mutex<[String]>([])

        init(_ records: [String: [DNSRecord.Content]] = [:]) { self.records = records }

        var asked: [String] { names.withLock { $0 } }

        var check: CAACheck {
            CAACheck { name async throws(DNSFailure) in
                self.names.withLock { $0.append(name) }
                return self.records[name] ?? []
            }
        }
    }

    private static func property(_ tag: String, _ value: String, flags: UInt8 = 0) -> DNSRecord.Content {
        .caa(flags: flags, tag: tag, value: Array(value.utf8))
    }

    private static func question(
        _ name: String = "www.example.com", wildcard: Bool = false, method: ACMEChallengeType? = .http01,
        kind: ACMEName.Kind = .dns, identities: [String] = ["ca.example", "CA.two.example"]
    ) -> CAAQuestion {
        CAAQuestion(
            name: ACMEName(kind, name), isWildcard: wildcard, method: method, identities: identities,
            isAccount: { $0 == account })
    }

    private static func verdict(
        _ records: [DNSRecord.Content], _ question: CAAQuestion = question()
    ) async -> ChallengeFailure? {
        do throws(ChallengeFailure) {
            try await Zone(["www.example.com": records]).check.check(question, within: .seconds(5))
        } catch { return error }
        return nil
    }

    @Test("the first name upwards with records decides; the root is not asked; addresses have none")
    func climbing() async throws {
        let none = Zone()
        try await none.check.check(Self.question("a.b.example.com"), within: .seconds(5))
        #expect(none.asked == ["a.b.example.com", "b.example.com", "example.com", "com"])
        let above = Zone([
            "example.com": [Self.property("issue", "other.example")], "com": [Self.property("issue", "ca.example")],
        ])
        let refusal = await #expect(throws: ChallengeFailure.self) {
            try await above.check.check(Self.question("a.b.example.com"), within: .seconds(5))
        }
        #expect(refusal?.kind == .caa && refusal?.isTransient == false)
        #expect(refusal?.detail == "the CAA records at example.com do not name this CA")
        #expect(above.asked == ["a.b.example.com", "b.example.com", "example.com"])
        // Records without a restriction end the search too.
        let silent = Zone([
            "www.example.com": [Self.property("iodef", "mailto:ops@example.com")],
            "example.com": [Self.property("issue", ";")],
        ])
        try await silent.check.check(Self.question(), within: .seconds(5))
        let address = Zone()
        try await address.check.check(Self.question("192.0.2.1", kind: .ip), within: .seconds(5))
        #expect(address.asked.isEmpty)
    }

    @Test(
        "who is named may issue",
        arguments: [
            ("ca.example", true), ("  CA.Example  ", true), ("ca.two.example", true), ("ca.example;", true),
            ("\tca.example ; policy=ev", true), (";", false), ("", false), ("other.example", false),
            ("sub.ca.example", false), ("ca.example.", false), ("ca..example", false), ("ca.example policy=ev", false),
            ("ca.example; policy", false), ("ca.example; policy=e v", false), ("ca.example; =ev", false),
            ("ca.example; a=1;; b=2", false), ("ca.example; -a=1", false), ("ca.example\u{7}", false),
            ("cä.example", false),
        ])
    func issuers(value: String, isAllowed: Bool) async {
        let failure = await Self.verdict([Self.property("issue", value)])
        #expect((failure == nil) == isAllowed, "\(value)")
        if !isAllowed { #expect(failure?.kind == .caa) }
        // One that allows is enough.
        let beside = [Self.property("issue", value), Self.property("issue", "ca.example")]
        #expect(await Self.verdict(beside) == nil)
    }

    @Test("wildcards follow their own property where there is one, and other names never do")
    func wildcards() async {
        let both = [Self.property("issue", "other.example"), Self.property("issuewild", "ca.example")]
        #expect(await Self.verdict(both, Self.question(wildcard: true)) == nil)
        #expect(await Self.verdict(both)?.kind == .caa)
        let closed = [Self.property("issue", "ca.example"), Self.property("issuewild", ";")]
        #expect(await Self.verdict(closed, Self.question(wildcard: true))?.kind == .caa)
        #expect(await Self.verdict(closed) == nil)
        let one = [Self.property("issue", "ca.example")]
        #expect(await Self.verdict(one, Self.question(wildcard: true)) == nil)
        let wildAlone = [Self.property("issuewild", ";")]
        #expect(await Self.verdict(wildAlone) == nil)
    }

    @Test("a critical property that is not known forbids; one that is not critical says nothing")
    func critical() async {
        let ours = Self.property("issue", "ca.example")
        let refused = await Self.verdict([ours, Self.property("newthing", "x", flags: 0x80)])
        #expect(refused?.kind == .caa && refused?.detail.contains("newthing") == true)
        #expect(await Self.verdict([ours, Self.property("newthing", "x", flags: 0x01)]) == nil)
        #expect(await Self.verdict([Self.property("issue", "ca.example", flags: 0x80)]) == nil)
        #expect(await Self.verdict([Self.property("issuemail", ";", flags: 0x80)]) == nil)
    }

    @Test(
        "RFC 8657: account and method are those that the property names, each once",
        arguments: [
            ("ca.example; accounturi=\(account)", true), ("ca.example; AccountURI=\(account)", true),
            ("ca.example; accounturi=https://ca.example/acme/account/acme-acc-2", false),
            ("ca.example; accounturi=", false), ("ca.example; accounturi=\(account); accounturi=\(account)", false),
            ("ca.example; validationmethods=http-01", true), ("ca.example; validationmethods=dns-01,http-01", true),
            ("ca.example; validationmethods=dns-01", false), ("ca.example; validationmethods=", false),
            ("ca.example; validationmethods=http-01,", false), ("ca.example; validationmethods=HTTP-01", false),
            ("ca.example; validationmethods=http-01; validationmethods=http-01", false),
            ("ca.example; accounturi=\(account); validationmethods=http-01", true),
            ("ca.example; accounturi=\(account); validationmethods=dns-01", false),
        ])
    func parameters(value: String, isAllowed: Bool) async {
        let failure = await Self.verdict([Self.property("issue", value)])
        #expect((failure == nil) == isAllowed, "\(value): \(String(describing: failure?.detail))")
    }

    @Test("what was not proved satisfies no list of methods, and no identities no list of issuers")
    func unproved() async {
        let methods = [Self.property("issue", "ca.example; validationmethods=http-01")]
        #expect(await Self.verdict(methods, Self.question(method: nil))?.kind == .caa)
        #expect(await Self.verdict([Self.property("issue", "ca.example")], Self.question(method: nil)) == nil)
        #expect(await Self.verdict([Self.property("issue", "")], Self.question(identities: []))?.kind == .caa)
    }

    @Test("what the DNS does not tell forbids, and may be told later; an answer that never comes too")
    func failures() async throws {
        let client = DNSClient(
            servers: { [DNSServer(address: "127.0.0.1", port: 1)] }, egress: EgressGuard(), random: .system)
        let failure = await #expect(throws: ChallengeFailure.self) {
            try await CAACheck(dns: client).check(Self.question(), within: .seconds(20))
        }
        #expect(failure?.kind == .dns && failure?.isTransient == true)
        let slow = CAACheck { _ async throws(DNSFailure) in
            try? await Task.sleep(for: .seconds(60))
            return []
        }
        let start = ContinuousClock.now
        let timeout = await #expect(throws: ChallengeFailure.self) {
            try await slow.check(Self.question(), within: .milliseconds(200))
        }
        #expect(timeout?.kind == .dns && timeout?.isTransient == true)
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test(
        "an account is a whole address, or a path of an https address at any host, and nothing that looks like either")
    func accounts() {
        let whole = CAAQuestion.isOne(of: ["https://ca.example/acme/account/acme-acc-1"])
        #expect(whole("https://ca.example/acme/account/acme-acc-1"))
        #expect(!whole("https://ca.example.org/acme/account/acme-acc-1"))
        let path = CAAQuestion.isOne(of: ["/acme/account/acme-acc-1"])
        #expect(path("https://ca.example:8443/acme/account/acme-acc-1"))
        for other in [
            "/acme/account/acme-acc-1", "http://ca.example/acme/account/acme-acc-1",
            "https://ca.example/x/acme/account/acme-acc-1", "https://ca.example/acme/account/acme-acc-12", "",
        ] {
            #expect(!path(other), "\(other)")
        }
    }
}
