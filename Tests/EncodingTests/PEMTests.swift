import Encoding
import Testing

@Suite("RFC 7468: PEM text")
struct PEMTests {
    static let one = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n"

    @Test("a block prints in lines of 64 characters and reads back", arguments: [1, 47, 48, 49, 500])
    func roundTrip(count: Int) throws {
        let block = PEMBlock(label: "CERTIFICATE REQUEST", octets: (0..<count).map { UInt8(truncatingIfNeeded: $0) })
        #expect(block.text.split(separator: "\n").allSatisfy { $0.utf8.count <= 64 })
        #expect(try PEMBlock.parse(block.text) == [block])
    }

    @Test("CR LF, trailing blanks and explanatory text between blocks are accepted")
    func tolerance() throws {
        let text = "subject=CN = a\r\n" + Self.one.replacing("\n", with: " \r\n") + "\nBag Attributes: x\n" + Self.one
        let blocks = try PEMBlock.parse(text)
        #expect(blocks == [PEMBlock](repeating: PEMBlock(label: "CERTIFICATE", octets: [0, 1, 2]), count: 2))
    }

    static let malformed: [(String, PEMError)] = [
        ("-----BEGIN A-----\nAAEC\n", .unterminated(label: "A")),
        ("-----BEGIN A-----\nAAEC\n-----END B-----\n", .labelMismatch(line: 3)),
        ("-----END A-----\n", .labelMismatch(line: 1)),
        ("-----BEGIN A-----\n-----BEGIN A-----\nAAEC\n-----END A-----", .malformedBoundary(line: 2)),
        ("-----BEGIN A----\nAAEC\n-----END A-----", .malformedBoundary(line: 1)),
        ("-----BEGIN -----\nAAEC\n-----END -----", .malformedBoundary(line: 1)),
        ("-----BEGIN A-----\n-----END A-----", .malformedBody(label: "A")),
        ("-----BEGIN A-----\nAA*C\n-----END A-----", .malformedBody(label: "A")),
        ("-----BEGIN A-----\nAAE\n-----END A-----", .malformedBody(label: "A")),
        ("-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAEC\n-----END A-----", .headers(label: "A")),
    ]

    @Test("malformed text is refused with its reason", arguments: malformed)
    func refused(text: String, error: PEMError) {
        #expect(throws: error) { try PEMBlock.parse(text) }
    }

    @Test("size, number of blocks and label are limited")
    func limits() {
        #expect(throws: PEMError.tooLarge(limit: 10)) { try PEMBlock.parse(Self.one, limit: 10) }
        let many = String(repeating: Self.one, count: PEMBlock.maximumBlocks + 1)
        #expect(throws: PEMError.tooManyBlocks(limit: PEMBlock.maximumBlocks)) { try PEMBlock.parse(many) }
        #expect(throws: PEMError.noBlock) { try PEMBlock.single("hello", labels: ["CERTIFICATE"]) }
        #expect(throws: PEMError.severalBlocks) { try PEMBlock.single(Self.one + Self.one, labels: ["CERTIFICATE"]) }
        #expect(throws: PEMError.wrongLabel(found: "CERTIFICATE", expected: ["X"])) {
            try PEMBlock.single(Self.one, labels: ["X"])
        }
    }
}
