import Domain
import Encoding
import PKI
import TestSupport
import Testing

@Suite("protocol-servers §9.1: readers of text survive damage, and what they take has one meaning")
struct TextFuzzTests {
    /// Damaged texts of a corpus, for one of eight seeds: together as many as the other decoders get.
    private static func damaged(
        _ corpus: [String], seed: UInt64, with alphabet: [String], _ isTaken: (String) -> Bool
    ) {
        var input = SeededInput(FuzzRun.seed(of: seed))
        let executions = max(1, FuzzRun.executions / 8)
        var accepted = 0
        for _ in 0..<executions where isTaken(input.damaged(input.pick(corpus), with: alphabet, most: 6)) {
            accepted += 1
        }
        #expect(accepted > 0 && accepted < executions, "\(accepted) of \(executions) (seed \(FuzzRun.seed))")
    }

    @Test("PEM: what is read is written and read as the same", arguments: 0..<8 as Range<UInt64>)
    func pem(seed: UInt64) throws {
        let root = try TestAuthority.root()
        let corpus = [
            root.certificate.pem, root.certificate.pem + (try root.leaf().pem),
            "subject: \(root.certificate.subject)\n" + root.certificate.pem.replacing("\n", with: "\r\n"),
        ]
        let alphabet = [
            "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "-----BEGIN ", "-----", "-", "\n", "\r\n", "\r",
            "=", "==", " ", "\t", "A", "\u{0}", "é", "+", "/", "Proc-Type: 4,ENCRYPTED\n",
        ]
        Self.damaged(corpus, seed: 100 + seed, with: alphabet) { text in
            _ = try? X509Certificate.bundle(pem: text)
            guard let blocks = try? PEMBlock.parse(text), !blocks.isEmpty else { return false }
            let again = try? PEMBlock.parse(blocks.map(\.text).joined())
            #expect(again == blocks, "\(text)")
            return true
        }
    }

    @Test("names of RFC 4514: what is read is a name that can be written in DER", arguments: 0..<8 as Range<UInt64>)
    func distinguishedName(seed: UInt64) {
        let corpus = [
            "CN=www.example.com,O=Example Ltd,C=CH", "CN=Root\\, the,OU=a+b,DC=example,DC=com",
            "UID=jo,EMAILADDRESS=a@b.ch",
        ]
        let alphabet = [
            ",", "\\", "=", "+", "\"", ";", "#", "<", ">", " ", "CN=", "\\2C", "\u{0}", "é", "C=CHE", "\u{202E}",
        ]
        Self.damaged(corpus, seed: 110 + seed, with: alphabet) { text in
            guard let name = try? DistinguishedName(rfc4514: text) else { return false }
            #expect(!name.der.isEmpty && !name.isEmpty, "\(text)")
            return true
        }
    }

    @Test(
        "patterns of names: compiled or refused, and decided in time that is linear", arguments: 0..<8 as Range<UInt64>)
    func pattern(seed: UInt64) throws {
        let corpus = [
            #"[a-z0-9-]+\.corp\.example"#, "glob:*.corp.example", "glob:**.example", "ip:10.0.0.0/8",
            "ip:2001:db8::/32",
            #"email:.+@example\.com"#, #"uri:spiffe://td/(a|b)/\w{1,8}"#, #"dns:{cn}|{principal}\.example"#,
        ]
        let alphabet = [
            "(", ")", "[", "]", "{", "}", "{0,500}", "{3}", "*", "+", "?", "|", "\\", "^", "$", ".", "-", "[^", "(?=",
            "\\1",
            "ip:", "uri:", "glob:", "{cn}", "é", "\u{0}", "(a+)+", "/129",
        ]
        let names = try [
            "www.corp.example", "*.corp.example", "10.1.2.3", "2001:db8::1", "bob@example.com", "spiffe://td/a/b",
            String(repeating: "a", count: 60) + "." + String(repeating: "a", count: 60) + ".b",
        ].map { try SubjectAltName(classifying: $0) }
        Self.damaged(corpus, seed: 120 + seed, with: alphabet) { text in
            guard let pattern = try? SANPattern(text) else { return false }
            let (_, time) = withProcessorTime {
                for name in names { _ = pattern.matches(name, PatternBinding(commonName: "a.b", principal: "u-1")) }
            }
            #expect(time < .seconds(2), "\(text)")
            return true
        }
    }
}
