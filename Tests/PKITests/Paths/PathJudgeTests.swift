import Domain
import PKI
import Testing

@Suite("Protocol servers §7 item 9: what is said about a chain as it was sent")
struct PathJudgeTests {
    private static let time = TestAuthority.now + .days(1)

    private func parameters(_ change: (inout PathParameters) -> Void = { _ in }) -> PathParameters {
        var parameters = PathParameters(time: Self.time, purpose: .serverAuth)
        parameters.revocation = .soft
        change(&parameters)
        return parameters
    }

    @Test("complete, incomplete, unknown, with a stranger's root")
    func chains() throws {
        let root = try TestAuthority.root()
        let middle = try root.subordinate("Middle")
        let leaf = try middle.leaf()
        let judge = PathJudge(roots: [root.certificate], known: [middle.certificate])
        func outcome(_ sent: [X509Certificate], _ judge: PathJudge) -> PathOutcome {
            judge.verdict(on: sent, parameters: parameters()).outcome
        }
        #expect(judge.verdict(on: [leaf, middle.certificate], parameters: parameters()) == PathVerdict(.valid))
        #expect(outcome([leaf, root.certificate, middle.certificate], judge) == .valid)
        #expect(outcome([leaf], judge) == .chainIncomplete)
        #expect(outcome([leaf], PathJudge(roots: [root.certificate])) == .refused(.untrusted))
        #expect(outcome([leaf], PathJudge(roots: [])) == .refused(.untrusted))
        #expect(outcome([], judge) == .malformed)
        let elsewhere = PathJudge(roots: [try TestAuthority.root("Elsewhere").certificate])
        let stranger = elsewhere.verdict(
            on: [leaf, middle.certificate, root.certificate], parameters: parameters())
        #expect(stranger.outcome == .refused(.untrusted) && stranger.detail.contains("ends at CN=Root"), "\(stranger)")
        // A root of the same name that did not sign is no path, and says so.
        #expect(
            outcome([leaf, middle.certificate], PathJudge(roots: [try TestAuthority.root().certificate])) != .valid)
    }

    @Test("what is wrong with a chain to nowhere besides is told first")
    func faultsOfStrangers() throws {
        let root = try TestAuthority.root()
        let judge = PathJudge(roots: [])
        let late = try root.subordinate("Late") { $0 = $0.ending(TestAuthority.now + .seconds(60)) }
        let expired = judge.verdict(
            on: [try late.leaf(), late.certificate, root.certificate], parameters: parameters())
        #expect(expired.outcome == .refused(.expired) && expired.detail.contains("CN=Late"), "\(expired)")
        let noAuthority = try root.subordinate("No CA") { $0.isCA = false }
        let refused = judge.verdict(
            on: [try noAuthority.leaf(), noAuthority.certificate, root.certificate], parameters: parameters())
        #expect(refused.outcome == .refused(.notAuthority))
        let purpose = judge.verdict(
            on: [try root.leaf { $0.extendedKeyUsages = [.clientAuth] }], parameters: parameters())
        #expect(purpose.outcome == .refused(.wrongPurpose))
    }

    @Test("names: equal, one label under a star, addresses; common names and deeper labels do not count")
    func names() throws {
        let root = try TestAuthority.root()
        let judge = PathJudge(roots: [root.certificate])
        func outcome(_ names: [String], for asked: String) throws -> PathOutcome {
            let leaf = try root.leaf("cn.example.com") {
                $0.subjectAltNames = names.compactMap { try? SubjectAltName(classifying: $0) }
            }
            return judge.verdict(
                on: [leaf], for: try SubjectAltName(classifying: asked), parameters: parameters()
            ).outcome
        }
        #expect(try outcome(["www.example.com"], for: "WWW.example.com") == .valid)
        #expect(try outcome(["*.example.com"], for: "www.example.com") == .valid)
        #expect(try outcome(["192.0.2.1"], for: "192.0.2.1") == .valid)
        #expect(try outcome(["*.example.com"], for: "example.com") == .nameMismatch)
        #expect(try outcome(["*.example.com"], for: "a.www.example.com") == .nameMismatch)
        #expect(try outcome(["www.example.com"], for: "cn.example.com") == .nameMismatch)
        #expect(try outcome(["192.0.2.1"], for: "192.0.2.2") == .nameMismatch)
        #expect(try outcome([], for: "cn.example.com") == .nameMismatch)
    }

    @Test("a list of ours counts, and a policy that nobody above the leaf has")
    func revocationAndPolicies() throws {
        let root = try TestAuthority.root()
        let (good, bad) = (try root.leaf("good.example.com"), try root.leaf("bad.example.com"))
        let list = try root.list([RevocationListEntry(bad)])
        let judge = PathJudge(roots: [root.certificate], lists: [list])
        #expect(judge.verdict(on: [good], parameters: parameters()).outcome == .valid)
        let revoked = judge.verdict(on: [bad], parameters: parameters())
        #expect(revoked.outcome == .refused(.revoked) && revoked.detail.contains("bad.example.com"), "\(revoked)")
        let policy = try #require(OID(dotted: "1.3.6.1.4.1.55555.1"))
        let demanding = parameters {
            $0.initialPolicies = [policy]
            $0.requiresExplicitPolicy = true
        }
        #expect(judge.verdict(on: [good], parameters: demanding).outcome == .refused(.policy))
        let stamped = try root.leaf { $0.policies = [policy] }
        #expect(judge.verdict(on: [stamped], parameters: demanding).outcome == .valid)
    }

    @Test("a long story is cut")
    func detail() {
        #expect(PathVerdict(.refused(.untrusted), String(repeating: "x", count: 5000)).detail.count == 1000)
    }
}

extension CertificateTemplate {
    /// The same with another end.
    fileprivate func ending(_ end: Timestamp) -> CertificateTemplate {
        var template = CertificateTemplate(
            serialNumber: serialNumber, issuer: issuer, subject: subject, validity: (notBefore, end),
            subjectPublicKey: subjectPublicKey, signatureAlgorithm: signatureAlgorithm)
        template.isCA = isCA
        template.keyUsage = keyUsage
        template.authorityKeyIdentifier = authorityKeyIdentifier
        return template
    }
}
