import Encoding
import Testing

@Suite("RFC 4648: base64 and base64url")
struct Base64Tests {
    /// Vectors of RFC 4648 §10.
    static let vectors = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]

    @Test("vectors of the RFC encode and decode", arguments: vectors)
    func vector(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
        let unpadded = String(encoded.prefix { $0 != "=" })
        #expect(Base64URL.encode(Array(plain.utf8)) == unpadded)
        #expect(Base64URL.decode(unpadded) == Array(plain.utf8))
    }

    @Test("the two alphabets differ in two characters")
    func alphabets() {
        #expect(Base64.encode([0xFB, 0xFF]) == "+/8=")
        #expect(Base64URL.encode([0xFB, 0xFF]) == "-_8")
        #expect(Base64.decode("-_8=") == nil)
        #expect(Base64URL.decode("+/8") == nil)
    }

    @Test(
        "anything but the one canonical encoding is refused",
        arguments: [
            "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "=Zg=", "Zg==Zg==", "Zm9v===", "é===",
        ])
    func refused(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test("every length round-trips", arguments: 0..<70)
    func roundTrip(count: Int) {
        let octets = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 89 &+ 7) }
        #expect(Base64.decode(Base64.encode(octets)) == octets)
        #expect(Base64URL.decode(Base64URL.encode(octets)) == octets)
    }
}
