import DatabaseTestSupport
import Domain
import Encoding
import Foundation
import Lifecycle
import PKI
import Query
import Store
import TestSupport
import Testing

@Suite("Issuers §4.1.7: a CA that is not fit, or not whole, is not adopted, and nothing is stored")
struct AdoptionRefusalTests {
    private static func draft(
        _ foreign: ForeignCA, _ change: (inout AdoptionDraft) throws -> Void = { _ in }
    ) throws -> AdoptionDraft {
        var draft = AdoptionDraft(issuerID: Grove.issuer)
        draft.name = "Foreign"
        draft.chainPEM = try foreign.issuingPEM + foreign.rootPEM
        draft.key = Secret(try foreign.key(of: "issuing"))
        try change(&draft)
        return draft
    }

    /// What an adoption is refused with; that nothing came of it is seen to.
    private static func refusal(_ draft: AdoptionDraft, _ grove: Grove) async throws -> ServiceError? {
        let tables: [SQL] = [
            "intermediate_cas", "ca_keys", "adopted_certificates", "certificate_revocations", "audit_events",
        ]
        var before: [Int] = []
        for table in tables { before.append(try await grove.count(table)) }
        var refused: ServiceError?
        do {
            _ = try await grove.world.hierarchy.adopt(draft, isRehearsed: false, by: grove.world.author)
        } catch let error as ServiceError {
            refused = error
        }
        var after: [Int] = []
        for table in tables { after.append(try await grove.count(table)) }
        #expect(before == after)
        let secrets = (draft.key?.withText { $0 } ?? "").split(separator: "\n").filter { !$0.hasPrefix("-----") }
        let told = "\(refused.map { "\($0) \($0.problems)" } ?? "")"
        #expect(!secrets.contains { told.contains($0) })
        return refused
    }

    @Test("what is wrong with certificate, key and past is said, by the member")
    func unfit() async throws {
        let (foreign, stranger) = (try await ForeignCA(), try await ForeignCA())
        try await stranger.issue("strange.test")
        let leaf = try await foreign.issue("leaf.test")
        let list = try await stranger.list()
        try await Grove.with(.sqlite) { grove async throws in
            let encrypted = try await foreign.tool.succeed(
                "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:secret", "-in",
                foreign.tool.path("issuing.key"))
            let cases: [(AdoptionDraft, String, String)] = [
                (
                    try Self.draft(foreign) { $0.key = Secret(try foreign.key(of: "root")) }, "/private_key_pem",
                    "other_key"
                ),
                (try Self.draft(foreign) { $0.key = nil }, "/private_key_pem", "required"),
                (try Self.draft(foreign) { $0.key = Secret(encrypted) }, "/private_key_pem", "invalid_key"),
                (try Self.draft(foreign) { $0.key = Secret("nonsense") }, "/private_key_pem", "invalid_key"),
                (try Self.draft(foreign) { $0.keyReference = "/etc/key" }, "/key_driver_id", "conflict"),
                (try Self.draft(foreign) { $0.name = "" }, "/name", "required"),
                (try Self.draft(foreign) { $0.chainPEM = "nonsense" }, "/chain_pem", "invalid_certificate"),
                (try Self.draft(foreign) { $0.chainPEM = try foreign.issuingPEM }, "/chain_pem", "incomplete"),
                (
                    try Self.draft(foreign) { $0.chainPEM = try foreign.issuingPEM + stranger.rootPEM }, "/chain_pem",
                    "incomplete"
                ),
                (
                    try Self.draft(foreign) {
                        $0.chainPEM = try foreign.tool.read("leaf.test.pem") + foreign.issuingPEM + foreign.rootPEM
                        $0.key = Secret(try foreign.tool.read("leaf.test.key"))
                    }, "/chain_pem", "unfit_certificate"
                ),
                (
                    try Self.draft(foreign) { $0.issuedPEM = try stranger.tool.read("strange.test.pem") },
                    "/issued_pem",
                    "not_issued"
                ),
                (try Self.draft(foreign) { $0.revocationListPEM = list }, "/crl_pem", "not_issued"),
                (try Self.draft(foreign) { $0.revocationListPEM = "nonsense" }, "/crl_pem", "invalid_crl"),
            ]
            for (draft, pointer, code) in cases {
                let refused = try await Self.refusal(draft, grove)?.problems.first
                #expect(refused?.pointer == pointer && refused?.code == code, "\(String(describing: refused))")
            }
            #expect(!leaf.isEmpty)
            var single = try Self.draft(foreign)
            single.issuerID = World.issuer
            #expect(try await Self.refusal(single, grove)?.code == .unprocessable)
            var nowhere = try Self.draft(foreign)
            nowhere.issuerID = IssuerID(stored: "iss-none")
            #expect(try await Self.refusal(nowhere, grove)?.code == .notFound)
            // A tree has one root.
            try await grove.make("Own Root")
            #expect(try await Self.refusal(Self.draft(foreign), grove)?.code == .invalidState)
        }
    }

    @Test(
        "limits of those above it hold: path length, name constraints, end, key usage",
        arguments: [
            ("basicConstraints = critical, CA:TRUE, pathlen:0", ""),
            ("nameConstraints = critical, permitted;DNS:example.com", ""),
            ("nameConstraints = critical, permitted;DNS:example.com", "nameConstraints = critical, permitted;DNS:com"),
            ("extendedKeyUsage = clientAuth", "extendedKeyUsage = serverAuth"),
            ("", "keyUsage = critical, keyCertSign"), ("", "keyUsage = critical, cRLSign"),
            ("", "basicConstraints = critical, CA:FALSE"),
        ])
    func limits(root: String, issuing: String) async throws {
        let foreign = try await ForeignCA(root: root, issuing: issuing)
        try await Grove.with(.sqlite) { grove async throws in
            let refused = try await Self.refusal(Self.draft(foreign), grove)?.problems.first
            #expect(refused?.pointer == "/chain_pem" && refused?.code == "unfit_certificate")
        }
    }

    @Test("not when it has ended, not below a parent that ended, revoked it or is revoked, not with a bad key")
    func standing() async throws {
        let foreign = try await ForeignCA()
        try await foreign.certify(
            "issuing", "Foreign Issuing", by: "root", as: "issuing", until: "20250201000000Z")
        let ended = try foreign.issuingPEM
        try await foreign.certify("issuing", "Foreign Issuing", by: "root", as: "issuing")
        try await foreign.revoke("issuing", "superseded", by: "root")
        let (upper, revoked) = (try await foreign.list(by: "root"), try foreign.issuingPEM)
        try await foreign.certify("issuing", "Foreign Issuing", by: "root", as: "issuing")
        let late = try Self.draft(foreign) { $0.chainPEM = ended + (try foreign.rootPEM) }
        let withdrawn = try Self.draft(foreign) { $0.chainPEM = revoked }
        let own = try Self.draft(foreign) {
            $0.name = "Root"
            $0.chainPEM = try foreign.rootPEM
            $0.key = Secret(try foreign.key(of: "root"))
            $0.revocationListPEM = upper
        }
        let (good, taken) = (try Self.draft(foreign), try Self.draft(foreign) { $0.name = "Root" })
        let spki = try X509Certificate(pem: foreign.issuingPEM).subjectPublicKey.spkiSHA256
        try await Grove.with(.sqlite) { grove async throws in
            let ended = try await Self.refusal(late, grove)
            #expect(ended?.problems.first?.code == "unfit_certificate")
            let flow = grove.world.hierarchy
            let root = try await flow.adopt(own, isRehearsed: false, by: grove.world.author).node
            let told = try await Self.refusal(withdrawn, grove)
            #expect(told?.code == .invalidState && told?.detail.contains("superseded") == true)
            let twice = try await Self.refusal(taken, grove)
            #expect(twice?.code == .alreadyExists)
            let fit = try await flow.adopt(good, isRehearsed: true, by: grove.world.author)
            #expect(fit.node.parentID == root.id)
            // Nothing new below a CA that drains.
            _ = try await flow.retire(root.id, isConfirmed: false, note: nil, by: grove.world.author)
            let draining = try await Self.refusal(good, grove)
            #expect(draining?.code == .invalidState)
            _ = try await flow.cancelRetirement(root.id, note: nil, by: grove.world.author)
            // The key was given away.
            try await Self.compromise(spki, grove)
            let lost = try await Self.refusal(good, grove)
            #expect(lost?.problems.first?.code == "compromised_key")
        }
    }

    private static func compromise(_ spki: String, _ grove: Grove) async throws {
        try await grove.world.database.write { tx in
            var new = NewRevocation(
                id: RevocationID(generatedAt: tx.now, random: .system), issuerID: World.issuer,
                authorityID: AuthorityID(soleOf: World.issuer), serialNumber: "77", notAfter: tx.now + .days(1),
                reason: .keyCompromise, revokedBy: "test")
            new.spkiSHA256 = spki
            _ = try RevocationStore().revoke(new, in: tx)
        }
    }

    @Test("not below a CA that is revoked")
    func belowRevoked() async throws {
        let foreign = try await ForeignCA(root: "", pathLength: ",pathlen:1")
        try await foreign.tool.succeed([
            "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
            foreign.tool.path("below.key"),
        ])
        let config = try foreign.tool.read("issuing.cnf").replacingOccurrences(of: "pathlen:1", with: "pathlen:0")
        _ = try foreign.tool.file("issuing.cnf", config)
        try await foreign.certify("below", "Foreign Below", by: "issuing", as: "issuing")
        try await Grove.with(.sqlite) { grove async throws in
            let (flow, author) = (grove.world.hierarchy, grove.world.author)
            _ = try await flow.adopt(
                try Self.draft(foreign) {
                    $0.name = "Root"
                    $0.chainPEM = try foreign.rootPEM
                    $0.key = Secret(try foreign.key(of: "root"))
                }, isRehearsed: false, by: author)
            let policy = try await flow.adopt(Self.draft(foreign), isRehearsed: false, by: author).node
            #expect(!policy.isIssuing)
            let below = try Self.draft(foreign) {
                $0.name = "Below"
                $0.chainPEM = try foreign.tool.read("below.pem")
                $0.key = Secret(try foreign.tool.read("below.key"))
            }
            let told = try await flow.adopt(below, isRehearsed: true, by: author)
            #expect(told.node.parentID == policy.id)
            _ = try await flow.revoke(policy.id, .caCompromise, note: nil, isRehearsed: false, by: author)
            #expect(try await Self.refusal(below, grove)?.code == .invalidState)
        }
    }
}
