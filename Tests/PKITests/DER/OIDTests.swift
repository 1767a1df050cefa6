import PKI
import Testing

@Suite("Object identifiers")
struct OIDTests {
    @Test(
        "dotted text round-trips",
        arguments: [
            "0.9.2342.19200300.100.1.25", "1.2.840.113549.1.1.11", "2.5.29.37.0", "2.999.3", "1.3.6.1.4.1.311.21.14",
        ])
    func roundTrip(text: String) throws {
        #expect(try #require(OID(dotted: text)).description == text)
    }

    @Test("malformed text is refused", arguments: ["", "1", "3.1", "1.40", "1.02", "1..2", "a.b", "1.2.", "-1.2"])
    func refused(text: String) {
        #expect(OID(dotted: text) == nil)
    }
}
