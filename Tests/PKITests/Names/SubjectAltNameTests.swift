import PKI
import Testing

@Suite("RFC 5280 §4.2.1.6: subject alternative names")
struct SubjectAltNameTests {
    /// Text, kind, normalised text.
    static let accepted: [(String, SubjectAltName.Kind, String)] = [
        ("WWW.Example.COM", .dns, "www.example.com"),
        ("localhost", .dns, "localhost"),
        ("*.example.com", .dns, "*.example.com"),
        ("xn--bcher-kva.example", .dns, "xn--bcher-kva.example"),
        ("_acme.example.com", .dns, "_acme.example.com"),
        ("3com.com", .dns, "3com.com"),
        ("192.0.2.1", .ip, "192.0.2.1"),
        ("2001:0DB8:0:0:0:0:0:1", .ip, "2001:db8::1"),
        ("::", .ip, "::"),
        ("::ffff:192.0.2.1", .ip, "::ffff:c000:201"),
        ("1:0:0:2:0:0:0:3", .ip, "1:0:0:2::3"),
        ("1:2:3:4:5:6:7:0", .ip, "1:2:3:4:5:6:7:0"),
        ("Bob.O+tag@EXAMPLE.com", .email, "Bob.O+tag@example.com"),
        ("spiffe://Cluster.Local/ns/A", .uri, "spiffe://cluster.local/ns/A"),
        ("https://user@Example.com:8443/a?b#c", .uri, "https://user@example.com:8443/a?b#c"),
        ("https://[2001:DB8::1]:1/", .uri, "https://[2001:db8::1]:1/"),
        ("URN:uuid:F81D4FAE", .uri, "urn:uuid:F81D4FAE"),
        ("upn:Alice.O'Neil@CORP.Example", .upn, "upn:Alice.O'Neil@CORP.Example"),
        ("upn:host7$@corp", .upn, "upn:host7$@corp"),
    ]

    @Test("a name is recognised by form and normalised, once and for all", arguments: accepted)
    func accepts(text: String, kind: SubjectAltName.Kind, normalised: String) throws {
        let name = try SubjectAltName(classifying: text)
        #expect(name.kind == kind)
        #expect(name.text == normalised)
        #expect(try SubjectAltName(classifying: name.text) == name)
    }

    static let refused: [(String, NameError)] = [
        ("", .empty),
        ("*", .misplacedWildcard),
        ("a.*.example.com", .misplacedWildcard),
        ("w*.example.com", .misplacedWildcard),
        ("a..b", .emptyLabel(offset: 2)),
        ("example.com.", .emptyLabel(offset: 12)),
        (".example.com", .emptyLabel(offset: 0)),
        ("-a.example", .hyphenAtLabelEdge(offset: 0)),
        ("a.b-.example", .hyphenAtLabelEdge(offset: 2)),
        ("a b.example", .forbiddenCharacter(offset: 1)),
        ("example.com:8443", .forbiddenCharacter(offset: 11)),
        ("example.com/path", .forbiddenCharacter(offset: 11)),
        ("1.2.3", .numericTopLabel),
        ("256.1.1.1", .numericTopLabel),
        ("01.2.3.4", .numericTopLabel),
        ("b\u{FC}cher.example", .notASCII(offset: 1)),
        ("ex\u{0430}mple.com", .notASCII(offset: 2)),
        ("a\u{202E}b.example", .unsafeCharacter(offset: 1, scalar: 0x202E)),
        ("a\u{200B}b.example", .unsafeCharacter(offset: 1, scalar: 0x200B)),
        ("a\0b.example", .unsafeCharacter(offset: 1, scalar: 0)),
        ("a\nb.example", .unsafeCharacter(offset: 1, scalar: 10)),
        ("@example.com", .malformedEmail("local part must have 1 to 64 characters")),
        ("a..b@example.com", .malformedEmail("local part must be a dot-atom")),
        ("a b@example.com", .malformedEmail("local part must be a dot-atom")),
        ("a@*.example.com", .malformedEmail("host must not be a wildcard")),
        ("https://", .malformedURI("host is empty")),
        ("https://a b/", .forbiddenCharacter(offset: 9)),
        ("https://a/%zz", .malformedURI("incomplete percent-encoding")),
        ("https://a:b/", .malformedURI("port must be a number")),
        ("https://[::1/", .malformedURI("bracket is not closed")),
        ("upn:", .malformedPrincipal("no @")),
        ("upn:alice", .malformedPrincipal("no @")),
        ("upn:@corp.example", .malformedPrincipal("the user must have 1 to 64 characters")),
        ("upn:.a@corp.example", .malformedPrincipal("the user must not begin or end with a dot")),
        ("upn:a b@corp.example", .malformedPrincipal("the user must not have spaces nor any of \"/\\[]:;|=,*?<>")),
        ("upn:a*@corp.example", .malformedPrincipal("the user must not have spaces nor any of \"/\\[]:;|=,*?<>")),
        ("upn:a@*.corp.example", .malformedPrincipal("the suffix must not be a wildcard")),
        ("upn:a@b@corp.example", .forbiddenCharacter(offset: 1)),
        ("upn:a@corp..example", .emptyLabel(offset: 5)),
        ("upn:\u{430}lice@corp.example", .notASCII(offset: 0)),
        ("upn:al\u{200B}ice@corp.example", .unsafeCharacter(offset: 2, scalar: 0x200B)),
    ]

    @Test("a bad name is refused with its reason and place", arguments: refused)
    func refuses(text: String, error: NameError) {
        #expect(throws: error) { try SubjectAltName(classifying: text) }
    }

    @Test("lengths are limited")
    func lengths() {
        let label = String(repeating: "a", count: 64)
        #expect(throws: NameError.labelTooLong(offset: 0)) { try DNSName(label + ".example") }
        let long = Array(repeating: String(repeating: "a", count: 49), count: 6).joined(separator: ".")
        #expect(throws: NameError.tooLong(limit: 253)) { try DNSName(long) }
        #expect(throws: NameError.tooLong(limit: 2048)) {
            try URIName("https://a/" + String(repeating: "b", count: 2048))
        }
    }

    @Test("canonical order is free of duplicates and of the order given")
    func order() throws {
        let names = try ["b.example", "10.0.0.1", "a.example", "B.example"].map { try SubjectAltName(classifying: $0) }
        let ordered = SubjectAltName.canonicalOrder(names)
        #expect(ordered.map(\.description) == ["dns:a.example", "dns:b.example", "ip:10.0.0.1"])
        #expect(SubjectAltName.canonicalOrder(names.reversed()) == ordered)
    }

    @Test("a user is one to a directory however the name is written, and is no mailbox")
    func users() throws {
        let (plain, capital) = (
            try SubjectAltName(classifying: "upn:alice@corp.example"),
            try SubjectAltName(classifying: "upn:Alice@CORP.example")
        )
        #expect(plain == capital && plain.hashValue == capital.hashValue)
        #expect(capital.text == "upn:Alice@CORP.example", "a realm is compared with regard to case, so it is kept")
        #expect(plain != (try SubjectAltName(classifying: "alice@corp.example")))
        #expect(SubjectAltName.canonicalOrder([capital, plain]).count == 1)
        #expect(SubjectAltName.commonName(among: [plain]) == nil)
    }

    @Test(
        "malformed addresses are not addresses",
        arguments: [
            "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", ":::", "12345::", "g::", "::1%eth0", "1.2.3.4::",
            "::1.2.3",
            "+1::", "1:2:3:4:5:6:7::8",
        ])
    func addresses(text: String) {
        #expect(throws: NameError.malformedAddress) { try IPAddress(text) }
    }
}
