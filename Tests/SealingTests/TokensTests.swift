import Domain
import Sealing
import Testing

@Suite("Security §2: tokens")
struct TokensTests {
    static func reading(_ secret: Secret) -> String { secret.withText { $0 } }

    @Test("an API key has its form, parses back, and hashes under the pepper")
    func apiKey() throws {
        let token = APIKeyToken.generate(random: .system)
        let text = Self.reading(token.text)
        #expect(text.hasPrefix("ctk_\(token.keyID)_"))
        #expect(text.utf8.count == 4 + 12 + 1 + 43 + 6)
        let parsed = try #require(APIKeyToken(parsing: Secret(text)))
        #expect(parsed.keyID == token.keyID)
        let sealer = try SealerTests.sealer(1)
        #expect(parsed.matches(hash: token.hash(with: sealer), with: sealer))
        #expect(!parsed.matches(hash: token.hash(with: try SealerTests.sealer(2)), with: sealer))
    }

    @Test("every single altered or missing character of an API key is caught by form or checksum")
    func apiKeyTypos() {
        let text = Array(Self.reading(APIKeyToken.generate(random: .system).text).utf8)
        for index in text.indices {
            var altered = text
            altered[index] = altered[index] == 0x61 ? 0x62 : 0x61
            #expect(APIKeyToken(parsing: Secret(altered)) == nil)
            var shorter = text
            shorter.remove(at: index)
            #expect(APIKeyToken(parsing: Secret(shorter)) == nil)
        }
    }

    @Test("tokens never repeat and use the whole alphabet")
    func randomness() {
        let texts = (0..<300).map { _ in Self.reading(EnrollmentToken.generate(random: .system).text) }
        #expect(Set(texts).count == texts.count)
        #expect(Set(texts.joined().utf8.filter { $0 != 0x5F }).count == 62)
    }

    @Test("an enrolment token is recognised by prefix and checksum")
    func enrollment() throws {
        let token = EnrollmentToken.generate(random: .system)
        let text = Self.reading(token.text)
        #expect(text.hasPrefix("ce_"))
        #expect(try #require(EnrollmentToken(parsing: Secret(text))).sha256 == token.sha256)
        #expect(EnrollmentToken(parsing: Secret(text + "a")) == nil)
        #expect(EnrollmentToken(parsing: Secret("cf_" + text.dropFirst(3))) == nil)
        #expect(token.sha256.utf8.count == 64)
    }

    @Test("an agent key is base64url of 32 octets")
    func agentKey() throws {
        let key = AgentKey.generate(random: .system)
        #expect(try #require(AgentKey(parsing: key.text)).sha256 == key.sha256)
        #expect(AgentKey(parsing: Secret("short")) == nil)
    }

    @Test("a set-up token matches itself alone and needs 32 characters when chosen")
    func setup() throws {
        let token = SetupToken.generate(random: .system)
        #expect(token.matches(token.text))
        #expect(!token.matches(Secret("")))
        #expect(SetupToken(chosen: Secret(String(repeating: "x", count: 31))) == nil)
        #expect(SetupToken(chosen: Secret(String(repeating: "x", count: 32))) != nil)
    }
}
