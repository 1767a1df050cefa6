import Domain
import Testing

@testable import PKI

@Suite("protocol-servers §9.1: strict DER within limits")
struct DERStructureTests {
    static func nested(_ depth: Int) -> [UInt8] {
        (0..<depth).reduce([]) { inner, _ in DERWriter.element(0x30, inner) }
    }

    @Test(
        "an encoding that is not DER is refused with the place",
        arguments: [
            ([], "there are no octets"),
            ([0x30], "element ends early, at octet 0"),
            ([0x30, 0x80, 0x00, 0x00], "length is indefinite or beyond 4 octets, at octet 0"),
            ([0x04, 0x81, 0x01, 0x00], "length is not minimal, at octet 0"),
            ([0x04, 0x82, 0x00, 0x80] + [UInt8](repeating: 0, count: 128), "length is not minimal, at octet 0"),
            ([0x04, 0x85, 0, 0, 0, 0, 1, 0], "length is indefinite or beyond 4 octets, at octet 0"),
            ([0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], "element ends beyond the one around it, at octet 0"),
            ([0x30, 0x03, 0x04, 0x02, 0x00, 0x00], "element ends beyond the one around it, at octet 2"),
            ([0x05, 0x00, 0x00], "octets follow the element, at octet 2"),
            ([0x24, 0x03, 0x04, 0x01, 0x00], "universal element is not in the form of DER, at octet 0"),
            ([0x10, 0x00], "universal element is not in the form of DER, at octet 0"),
            ([0x00, 0x00], "universal element is not in the form of DER, at octet 0"),
            ([0xBF, 0x80, 0x1F, 0x00], "tag number is not minimal"),
            ([0xBF, 0x1E, 0x00], "tag number is not minimal"),
            ([0xBF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x00], "tag number is too large"),
        ] as [([UInt8], String)])
    func refused(octets: [UInt8], reason: String) {
        let error = #expect(throws: DERError.self) { try DERNode(parsing: octets[...]) }
        #expect(error?.reason.hasSuffix(reason) == true, "\(error?.reason ?? "")")
    }

    @Test("nesting of 32 is read and of 33 is refused")
    func depth() throws {
        _ = try DERNode(parsing: Self.nested(32)[...])
        #expect(throws: DERError("nested deeper than 32")) { try DERNode(parsing: Self.nested(33)[...]) }
        // Deep enough to exhaust the stack of a parser that recurses.
        #expect(throws: DERError.self) { try DERNode(parsing: Self.nested(20_000)[...]) }
    }

    @Test("ten thousand elements are read and one more is refused")
    func count() throws {
        let null: [UInt8] = [0x05, 0x00]
        func list(_ count: Int) -> [UInt8] {
            DERWriter.element(0x30, Array(repeatElement(null, count: count).joined()))
        }
        _ = try DERNode(parsing: list(9_999)[...])
        #expect(throws: DERError("more than 10000 elements")) { try DERNode(parsing: list(10_000)[...]) }
        let node = try DERNode(parsing: list(1_001)[...])
        #expect(throws: DERError("list has more than 1000 elements")) { try node.elements("list") }
    }

    @Test("long tag numbers and lengths of up to four octets are read")
    func longForms() throws {
        let node = try DERNode(parsing: [0xBF, 0x1F, 0x02, 0x05, 0x00])
        #expect(node.contextTag == 31)
        #expect(try node.elements("tag").count == 1)
        let octets = DERWriter.octetString([UInt8](repeating: 7, count: 1 << 16))
        #expect(try DERNode(parsing: octets[...]).octetString("octets").count == 1 << 16)
    }

    @Test(
        "integers, booleans and bit strings have one form",
        arguments: [
            [0x02, 0x00], [0x02, 0x02, 0x00, 0x7F], [0x02, 0x02, 0xFF, 0x80],
            [0x01, 0x01, 0x01], [0x01, 0x02, 0xFF, 0xFF], [0x03, 0x00], [0x03, 0x01, 0x01], [0x03, 0x02, 0x08, 0x00],
            [0x03, 0x02, 0x01, 0x01],
        ] as [[UInt8]])
    func scalars(octets: [UInt8]) throws {
        let node = try DERNode(parsing: octets[...])
        #expect((try? node.integer("value")) == nil)
        #expect((try? node.boolean("value")) == nil)
        #expect((try? node.namedBits("value")) == nil)
    }
}
