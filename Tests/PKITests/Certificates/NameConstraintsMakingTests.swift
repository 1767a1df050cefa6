import PKI
import Testing

@Suite("RFC 5280 §4.2.1.10: name constraints as they are written and nested")
struct NameConstraintsMakingTests {
    private static func make(
        _ permitted: (inout ConstrainedNames) -> Void, excluded: (inout ConstrainedNames) -> Void = { _ in }
    ) throws -> NameConstraints? {
        var (inside, outside) = (ConstrainedNames(), ConstrainedNames())
        permitted(&inside)
        excluded(&outside)
        return try NameConstraints.make(permitted: inside, excluded: outside)
    }

    @Test("what people write comes back, and no name makes no constraints")
    func roundTrip() throws {
        #expect(try Self.make { _ in } == nil)
        let made = try #require(
            try Self.make {
                $0.dns = ["example.com", ".internal"]
                $0.ip = ["10.0.0.0/8", "2001:db8::/33", "192.0.2.1/32", "0.0.0.0/0"]
                $0.email = ["example.com", "Bob@example.com"]
                $0.uri = [".example.com"]
                $0.directory = ["OU=Web\\, Sites,O=Example,C=DE"]
            } excluded: {
                $0.dns = ["bad.example.com"]
            })
        let names = try NameConstraints(der: made.der).names
        #expect(names.permitted.dns == ["example.com", ".internal"])
        #expect(names.permitted.ip == ["10.0.0.0/8", "2001:db8::/33", "192.0.2.1/32", "0.0.0.0/0"])
        #expect(names.permitted.email == ["example.com", "Bob@example.com"])
        #expect(names.permitted.uri == [".example.com"])
        #expect(names.permitted.directory == ["OU=Web\\, Sites,O=Example,C=DE"])
        #expect(names.excluded.dns == ["bad.example.com"] && names.excluded.isDNSOnly)
    }

    @Test(
        "what is no network is refused",
        arguments: [
            "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "host/8", "", "/", "10.0.0.0/8/8",
        ])
    func networks(text: String) { #expect(throws: NameConstraintError.self) { try Self.make { $0.ip = [text] } } }

    @Test(
        "what is no host, mailbox or name is refused",
        arguments: ["*.example.com", "a b", "exa_mple..com", "ä.example"])
    func hosts(text: String) {
        #expect(throws: NameConstraintError.self) { try Self.make { $0.dns = [text] } }
        #expect(throws: NameConstraintError.self) { try Self.make { $0.directory = [text] } }
    }

    @Test("a child takes over what it leaves out, and repeats what is excluded")
    func inherited() throws {
        let parent = try Self.make {
            $0.dns = ["example.com"]
            $0.ip = ["10.0.0.0/8"]
        } excluded: {
            $0.dns = ["bad.example.com"]
        }
        let wanted = try Self.make {
            $0.dns = ["a.example.com"]
        } excluded: {
            $0.email = ["example.com"]
        }
        let nested = try #require(try NameConstraints.nested(wanted, in: parent)).names
        #expect(nested.permitted.dns == ["a.example.com"] && nested.permitted.ip == ["10.0.0.0/8"])
        #expect(nested.excluded.dns == ["bad.example.com"] && nested.excluded.email == ["example.com"])
        #expect(try NameConstraints.nested(nil, in: parent)?.names.permitted.dns == ["example.com"])
        #expect(try NameConstraints.nested(wanted, in: nil) == wanted)
        #expect(try NameConstraints.nested(nil, in: nil) == nil)
    }

    @Test("RFC 4514: a distinguished name is read as it is written")
    func names() throws {
        let name = try DistinguishedName(rfc4514: "CN=Issuing \\+ More, O=Exa\\,mple ,C=DE")
        #expect(name.values(of: .organizationName) == ["Exa,mple "])
        #expect(try DistinguishedName(rfc4514: name.description) == name)
        for text in ["", "CN", "=x", "CN=", "XX=1", "CN=a,,O=b", "C=Germany"] {
            #expect(throws: NameError.self, "\(text)") { try DistinguishedName(rfc4514: text) }
        }
    }
}
