import Domain
import EmbeddedCA
import Foundation
import PKI
import TestSupport
import Testing

@testable import ExternalSigner

/// What whoever took a server over could ask a signer for: structures of his own at the socket, as the user that may ask.
struct HostileServer {
    static let now = TimeSource.system.now
    static let policy = """
        {"purposes": ["leaf", "ca", "crl"],
         "leaf": {"tls": {"max_validity": "90d", "ekus": ["serverAuth", "clientAuth"],
                          "permitted": {"dns": ["corp.example"], "ip": ["10.0.0.0/8"]},
                          "excluded": {"dns": ["vault.corp.example"]}}},
         "ca": {"issuing": {"max_validity": "365d", "max_path_length": 0, "permitted": {"dns": ["corp.example"]}}},
         "crl": {"max_validity": "8d"}}
        """

    let stage: SignerStage
    let key: SubjectPublicKey
    let subject: SubjectPublicKey

    init(_ spec: KeySpec = .ecdsaP256, policy: String = Self.policy) async throws {
        stage = try SignerStage()
        key = try await stage.driver().obtain(spec, at: "signer:ca1", for: .authority).signer.publicKey
        subject = try PrivateKey.generate(.ecdsaP256).publicKey
        try stage.write("ca1.policy.json", policy)
    }

    /// A certificate that the policy allows, changed.
    func template(
        days: Int64 = 90, from start: Timestamp = now, commonName: String? = nil,
        _ change: (inout CertificateTemplate) throws -> Void = { _ in }
    ) throws -> CertificateTemplate {
        let start = Timestamp(secondsSinceEpoch: start.secondsSinceEpoch)
        var template = CertificateTemplate(
            serialNumber: .random(.system), issuer: try DistinguishedName(commonName: "Process Root"),
            subject: try commonName.map { try DistinguishedName(commonName: $0) } ?? .empty,
            validity: (start, start + .days(days) - .seconds(1)), subjectPublicKey: subject,
            signatureAlgorithm: key.signatureAlgorithm)
        template.subjectAltNames = [try SubjectAltName(classifying: "www.corp.example")]
        template.extendedKeyUsages = [.serverAuth]
        template.keyUsage = [.digitalSignature]
        template.authorityKeyIdentifier = key.keyIdentifier
        try change(&template)
        return template
    }

    func authority(
        days: Int64 = 365, pathLength: Int? = 0, permitted: [String] = ["corp.example"],
        _ excluded: (inout ConstrainedNames) -> Void = Self.nothingElse
    ) throws -> CertificateTemplate {
        var (inside, outside) = (ConstrainedNames(), ConstrainedNames())
        inside.dns = permitted
        excluded(&outside)
        return try template(days: days, commonName: "Issuing CA") { template in
            template.subjectAltNames = []
            template.extendedKeyUsages = []
            template.isCA = true
            template.pathLenConstraint = pathLength
            template.keyUsage = [.keyCertSign, .cRLSign]
            template.nameConstraints = try NameConstraints.make(permitted: inside, excluded: outside)
        }
    }

    /// Kinds of names that the policy does not permit are closed in the certificate of the authority itself.
    static func nothingElse(_ names: inout ConstrainedNames) {
        names.ip = ["0.0.0.0/0", "::/0"]
        names.email = [""]
        names.uri = [""]
    }

    func list(days: Int64, from start: Timestamp = now) throws -> [UInt8] {
        try RevocationListTemplate(
            issuer: DistinguishedName(commonName: "Process Root"), updates: (start, start + .days(days)),
            number: CRLNumber(7), signatureAlgorithm: key.signatureAlgorithm, authorityKeyIdentifier: [1, 2, 3]
        ).tbsCertList().der
    }

    /// The rule that refused, `nil` for what was signed; the signature is proven.
    func refusal(_ message: [UInt8], as purpose: SigningPurpose) async throws -> SigningRule? {
        do throws(SignerError) {
            let reply = try await stage.driver().ask(
                .sign(
                    SignerKeyName(unchecked: "ca1"), purpose: purpose, algorithm: key.signatureAlgorithm,
                    message: message))
            guard case .signature(let signature) = reply else { throw ProcessKeyDriver.unexpected }
            #expect(key.isValid(signature: signature, over: message, algorithm: key.signatureAlgorithm))
            return nil
        } catch .rule(let rule, let text) {
            #expect(text.contains(rule == .structure ? "the octets" : "ca1"), "\(text)")
            return rule
        } catch {
            throw error
        }
    }

    func refusal(_ template: CertificateTemplate) async throws -> SigningRule? {
        try await refusal(template.tbsCertificate().der, as: template.isCA ? .ca : .leaf)
    }
}

extension SignerKeyName {
    fileprivate init(unchecked text: String) {
        do { try self.init(text) } catch { preconditionFailure("\(error)") }
    }
}

@Suite("security §10.5: a signer keeps its own rules, whoever controls the server")
struct SignerRulesTests {
    @Test(
        "what the policy of a key allows is signed, and what it does not is refused by the rule that it breaks",
        arguments: [KeySpec.rsa2048, .ecdsaP256, .ecdsaP384, .mlDSA65])
    func certificates(spec: KeySpec) async throws {
        let server = try await HostileServer(spec)
        let name = { (text: String) in try SubjectAltName(classifying: text) }
        let now = HostileServer.now
        let cases: [(title: String, template: CertificateTemplate, rule: SigningRule?)] = [
            ("as it should be", try server.template(), nil),
            (
                "a name below, an address and a wildcard",
                try server.template { leaf in
                    leaf.subjectAltNames = try [name("a.b.corp.example"), name("10.1.2.3"), name("*.eu.corp.example")]
                }, nil
            ),
            (
                "a wildcard that an excluded host is among",
                try server.template { try $0.subjectAltNames = [name("*.corp.example")] }, .names
            ),
            ("a day longer", try server.template(days: 91), .maxValidity),
            ("begins in a year", try server.template(from: now + .days(365)), .maxValidity),
            ("begins tomorrow, and ends beyond the limit", try server.template(from: now + .days(1)), .maxValidity),
            ("begins tomorrow, and is shorter", try server.template(days: 60, from: now + .days(1)), nil),
            ("another domain", try server.template { try $0.subjectAltNames.append(name("bank.test")) }, .names),
            (
                "what only ends like it", try server.template { try $0.subjectAltNames = [name("xcorp.example")] },
                .names
            ),
            ("an excluded host", try server.template { try $0.subjectAltNames = [name("vault.corp.example")] }, .names),
            ("an address outside", try server.template { try $0.subjectAltNames = [name("192.0.2.1")] }, .names),
            ("an address of the other family", try server.template { try $0.subjectAltNames = [name("::1")] }, .names),
            ("a mailbox", try server.template { try $0.subjectAltNames.append(name("ceo@corp.example")) }, .names),
            ("a URI", try server.template { try $0.subjectAltNames.append(name("spiffe://corp.example/a")) }, .names),
            ("a host as common name", try server.template(commonName: "bank.test"), .names),
            ("a host without a dot as common name", try server.template(commonName: "localhost"), .names),
            ("a label as common name", try server.template(commonName: "Web server 7"), nil),
            ("code signing", try server.template { $0.extendedKeyUsages = [.codeSigning] }, .extendedKeyUsages),
            (
                "one purpose more", try server.template { $0.extendedKeyUsages = [.serverAuth, .codeSigning] },
                .extendedKeyUsages
            ),
            (
                "a responder",
                try server.template {
                    $0.extendedKeyUsages = [.ocspSigning]; $0.isNotChecked = true
                },
                .extendedKeyUsages
            ),
            (
                "every purpose", try server.template { $0.extendedKeyUsages = [.anyExtendedKeyUsage] },
                .extendedKeyUsages
            ),
            ("no purpose", try server.template { $0.extendedKeyUsages = [] }, .extendedKeyUsages),
            ("an authority", try server.authority(), nil),
            ("an authority for longer", try server.authority(days: 366), .maxValidity),
            ("an authority with authorities below", try server.authority(pathLength: 1), .maxPathLength),
            ("an authority of any depth", try server.authority(pathLength: nil), .maxPathLength),
            ("an authority for more names", try server.authority(permitted: ["example"]), .names),
            ("an authority for fewer names", try server.authority(permitted: ["eu.corp.example"]), nil),
            (
                "an authority for addresses too",
                try server.authority {
                    $0.email = [""]; $0.uri = [""]
                }, .names
            ),
            (
                "an authority for half of the addresses",
                try server.authority { names in
                    HostileServer.nothingElse(&names)
                    names.ip = ["0.0.0.0/0"]
                }, .names
            ),
            ("an authority for every name", try server.authority(permitted: []) { _ in }, .names),
        ]
        for (title, template, rule) in cases {
            let found = try await server.refusal(template)
            #expect(found == rule, "\(title): \(String(describing: found))")
        }
        // The log of the signer says the same, with what was to be signed.
        let refused = server.stage.told.compactMap { event -> SigningRule? in
            guard case .refused(.rule(let rule, _), let digest) = event.kind, digest?.count == 64 else { return nil }
            return rule
        }
        #expect(refused == cases.compactMap(\.rule))
    }

    @Test("a list that would hide revocations for longer than the policy allows is not signed")
    func lists() async throws {
        let server = try await HostileServer()
        let now = HostileServer.now
        #expect(try await server.refusal(server.list(days: 8), as: .crl) == nil)
        #expect(try await server.refusal(server.list(days: 9), as: .crl) == .maxValidity)
        #expect(try await server.refusal(server.list(days: 3650), as: .crl) == .maxValidity)
        #expect(try await server.refusal(server.list(days: 2, from: now + .days(30)), as: .crl) == .maxValidity)
        #expect(try await server.refusal(server.list(days: 8, from: now - .days(400)), as: .crl) == nil)
    }

    @Test("an answer that would be good for longer than the policy allows is not signed, nor one without an end")
    func answers() async throws {
        let server = try await HostileServer()
        let responder = try await server.stage.driver().obtain(.ecdsaP256, at: "signer:r1", for: .responder).signer
        try server.stage.write("r1.policy.json", #"{"purposes": ["ocsp"], "ocsp": {"max_validity": "7d"}}"#)
        let issuer = IssuerIdentity(
            try await SignerStage.root(try Recording()))
        func rule(_ days: Int64?, _ more: Int64? = nil) async throws -> SigningRule? {
            let now = Timestamp(secondsSinceEpoch: HostileServer.now.secondsSinceEpoch)
            let responses = [days, more ?? days].map { days in
                OCSPSingleResponse(
                    CertID(.sha256, of: .random(.system), issuer: issuer), .good,
                    updates: (now, days.map { now + .days($0) }))
            }
            let message = OCSPResponseTemplate(
                responder: responder.publicKey, producedAt: now, responses: responses
            ).tbsResponseData().der
            do throws(SignerError) {
                _ = try await server.stage.driver().ask(
                    .sign(
                        SignerKeyName(unchecked: "r1"), purpose: .ocsp,
                        algorithm: responder.publicKey.signatureAlgorithm, message: message))
                return nil
            } catch .rule(let rule, _) {
                return rule
            } catch {
                throw error
            }
        }
        #expect(try await rule(7) == nil)
        #expect(try await rule(8) == .maxValidity)
        #expect(try await rule(1, 30) == .maxValidity)
        #expect(try await rule(nil) == .structure)
    }

    @Test("of several profiles one has to fit whole: purposes of one and names of another do not add up")
    func profiles() async throws {
        let policy = """
            {"purposes": ["leaf", "ca"], "ca": {},
             "leaf": {"tls": {"ekus": ["serverAuth"], "permitted": {"dns": ["corp.example"]}},
                      "responders": {"ekus": ["ocspSigning"], "max_validity": "30d"},
                      "people": {"ekus": ["emailProtection"], "permitted": {"email": ["corp.example"]}}}}
            """
        let server = try await HostileServer(policy: policy)
        #expect(try await server.refusal(server.template(days: 900)) == nil)
        let responder = { (days: Int64) in
            try server.template(days: days, commonName: "Responder") { leaf in
                leaf.subjectAltNames = []
                leaf.extendedKeyUsages = [.ocspSigning]
                leaf.isNotChecked = true
            }
        }
        #expect(try await server.refusal(responder(30)) == nil)
        #expect(try await server.refusal(responder(31)) == .profiles)
        let mixed = try server.template { $0.extendedKeyUsages = [.serverAuth, .emailProtection] }
        #expect(try await server.refusal(mixed) == .profiles)
        let person = try server.template { leaf in
            leaf.extendedKeyUsages = [.emailProtection]
            leaf.subjectAltNames = [try SubjectAltName(classifying: "a@corp.example")]
        }
        #expect(try await server.refusal(person) == nil)
        // No profile for authorities: the purpose alone makes none.
        #expect(try await server.refusal(server.authority()) == .profiles)
        await #expect {
            try await server.stage.driver().load("signer:ca1", for: .responder)
        } throws: { "\($0)".contains("nothing else") }
    }

    @Test("what the server shows is the rule, and the profile that the certificate does not fit")
    func shown() async throws {
        let server = try await HostileServer(
            policy: #"{"purposes": ["ca", "leaf"], "leaf": {"short": {"max_validity": "24h"}}}"#)
        let signer = try await server.stage.driver().load("signer:ca1", for: .authority)
        let authority = try LocalCA(
            certificateChain: [
                try await LocalCA.createRoot(
                    commonName: "Process Root", serial: RecordedSerial(alreadyRecorded: .random(.system)),
                    signer: signer, validity: (SignerStage.now - .seconds(60), SignerStage.now + .days(3650)))
            ], signer: signer, settings: LocalCASettings(), now: SignerStage.now)
        await #expect {
            try await SignerStage.leaf(authority)
        } throws: { error in
            guard case .signer(let refused) = error as? LocalCAError, case .rule(.maxValidity, _) = refused else {
                return false
            }
            return "\(error)".contains("rule max_validity") && "\(error)".contains("profile short")
        }
    }
}
