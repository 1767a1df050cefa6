import Domain
import Sealing
import TestSupport
import Testing

@Suite("Decoders of credentials and of sealed values hold their promises for any input")
struct CredentialFuzzTests {
    private static let characters = [
        ".", "_", "-", "=", "$", ",", "A", "z", "0", "ctk_", "ce_", "v1", " ", "é", "\0", "%",
    ]

    @Test("tokens: what is damaged is none, or says something else", arguments: 0..<8 as Range<UInt64>)
    func tokens(seed: UInt64) {
        var input = SeededInput(seed)
        let key = SessionMACKey(id: SessionToken.generateKeyID(random: .system), material: Secret([UInt8](1...32)))
        let apiKey = APIKeyToken.generate(random: .system).text.withText { $0 }
        let agentKey = AgentKey.generate(random: .system).text.withText { $0 }
        let enrollment = EnrollmentToken.generate(random: .system).text.withText { $0 }
        let session = SessionToken.generate(signedBy: key, random: .system).text.withText { $0 }
        for _ in 0..<3000 {
            let damaged = input.damaged(input.pick([apiKey, agentKey, enrollment, session]), with: Self.characters)
            let secret = Secret(damaged)
            let isWhole = [apiKey, agentKey, enrollment, session].contains(damaged)
            // Both carry a code over all of it: nothing but the whole is taken.
            if APIKeyToken(parsing: secret) != nil { #expect(isWhole, "\(damaged)") }
            if let token = SessionToken(parsing: secret), token.isSigned(by: key) { #expect(isWhole, "\(damaged)") }
            if let token = AgentKey(parsing: secret) { #expect(token.text.withText { $0 } == damaged) }
            if let token = EnrollmentToken(parsing: secret) { #expect(token.text.withText { $0 } == damaged) }
            _ = SetupToken(chosen: secret)
        }
    }

    @Test("PHC strings: one spelling, and costs that can be borne", arguments: 0..<8 as Range<UInt64>)
    func passwordHashes(seed: UInt64) throws {
        var input = SeededInput(seed)
        let text = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$" + String(repeating: "A", count: 43)
        let whole = try #require(PasswordHash(phc: text))
        #expect(whole.phc == text)
        for _ in 0..<3000 {
            let damaged = input.damaged(text, with: Self.characters + ["m=", "t=", "p=", "99999999", "-1"])
            guard let hash = PasswordHash(phc: damaged) else { continue }
            #expect(hash.phc == damaged)
            #expect(hash.cost.memoryKiB <= 262_144 && hash.cost.passes <= 16 && hash.cost.lanes <= 16, "\(damaged)")
        }
    }

    @Test("sealed values: what is damaged opens never", arguments: 0..<8 as Range<UInt64>)
    func sealedValues(seed: UInt64) throws {
        var input = SeededInput(seed)
        let sealer = try SealerTests.sealer()
        let sealed = sealer.seal(Array("a private key".utf8), for: SealerTests.place)
        for _ in 0..<3000 {
            let damaged = input.damaged(sealed)
            guard damaged != sealed else { continue }
            #expect(throws: SealingError.self) { try sealer.open(damaged, for: SealerTests.place) }
        }
    }
}
