import PKI
import Testing

@Suite("RFC 4514 and RFC 5280 §7.1: distinguished names")
struct DistinguishedNameTests {
    @Test(
        "text escapes what RFC 4514 demands",
        arguments: [
            ("James \"Jim\" Smith, III", "CN=James \\\"Jim\\\" Smith\\, III"),
            (" lead", "CN=\\ lead"), ("trail ", "CN=trail\\ "), ("#hash", "CN=\\#hash"), ("a#b", "CN=a#b"),
            ("a+b;c<d>e\\f", "CN=a\\+b\\;c\\<d\\>e\\\\f"), ("Lu\u{10D}i\u{107}", "CN=Lu\u{10D}i\u{107}"),
        ])
    func escapes(value: String, text: String) throws {
        #expect(try DistinguishedName(commonName: value).description == text)
    }

    @Test("the most specific attribute is written first")
    func order() throws {
        let name = try DistinguishedName([
            (.countryName, "DE"), (.organizationName, "Example"), (.commonName, "host"),
        ])
        #expect(name.description == "CN=host,O=Example,C=DE")
        #expect(name.commonName == "host")
    }

    @Test("case, white space and string type do not matter for matching; order does")
    func matching() throws {
        let name = try DistinguishedName([(.organizationName, "Example  Corp"), (.commonName, "A")])
        #expect(name.matches(try DistinguishedName([(.organizationName, "EXAMPLE CORP"), (.commonName, "a")])))
        #expect(!name.matches(try DistinguishedName([(.commonName, "A"), (.organizationName, "Example Corp")])))
        #expect(!name.matches(.empty))
    }

    @Test("upper bounds and unsafe characters are refused")
    func refused() {
        #expect(throws: NameError.tooLong(limit: 64)) {
            try DistinguishedName(commonName: String(repeating: "a", count: 65))
        }
        #expect(throws: NameError.unsafeCharacter(offset: 1, scalar: 0x202E)) {
            try DistinguishedName(commonName: "a\u{202E}b")
        }
        #expect(throws: NameError.self) { try DistinguishedName([(.countryName, "de")]) }
    }
}
