import Foundation
import TestSupport
import Testing

@testable import PKI

@Suite("protocol-servers §9.1: BER becomes DER")
struct BERTests {
    @Test(
        "the forms that DER lacks",
        arguments: [
            // Indefinite length; a length in too many octets.
            ([0x30, 0x80, 0x05, 0x00, 0x00, 0x00], [0x30, 0x02, 0x05, 0x00]),
            ([0x04, 0x83, 0x00, 0x00, 0x01, 0xAA], [0x04, 0x01, 0xAA]),
            // Strings in pieces, also in pieces of pieces, with no piece, and of bits.
            ([0x24, 0x80, 0x04, 0x01, 0xAA, 0x04, 0x01, 0xBB, 0x00, 0x00], [0x04, 0x02, 0xAA, 0xBB]),
            ([0x24, 0x05, 0x24, 0x03, 0x04, 0x01, 0xAA], [0x04, 0x01, 0xAA]),
            ([0x24, 0x00], [0x04, 0x00]),
            ([0x2C, 0x03, 0x04, 0x01, 0x41], [0x0C, 0x01, 0x41]),
            ([0x23, 0x08, 0x03, 0x02, 0x00, 0xAA, 0x03, 0x02, 0x04, 0xB0], [0x03, 0x03, 0x04, 0xAA, 0xB0]),
            // Any TRUE; a constructed context tag keeps its parts; a long tag.
            ([0x01, 0x01, 0x01], [0x01, 0x01, 0xFF]),
            ([0xA0, 0x80, 0x04, 0x01, 0xAA, 0x00, 0x00], [0xA0, 0x03, 0x04, 0x01, 0xAA]),
            ([0xBF, 0x81, 0x01, 0x80, 0x00, 0x00], [0xBF, 0x81, 0x01, 0x00]),
        ] as [([UInt8], [UInt8])])
    func forms(ber: [UInt8], der: [UInt8]) throws {
        #expect(try BER.der(from: ber[...]) == der)
        #expect(try BER.der(from: der[...]) == der)
    }

    @Test(
        "what is not BER either is refused",
        arguments: [
            [], [0x00, 0x00], [0x04, 0x80, 0x00, 0x00], [0x30, 0x80], [0x30, 0x80, 0x00], [0x04, 0x02, 0xAA],
            [0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], [0x04, 0xFF] + [UInt8](repeating: 0xFF, count: 127),
            [0x22, 0x03, 0x02, 0x01, 0x00], [0x24, 0x02, 0x05, 0x00], [0x05, 0x00, 0x00], [0x01, 0x00],
            [0x23, 0x08, 0x03, 0x02, 0x04, 0xA0, 0x03, 0x02, 0x00, 0xBB], [0x23, 0x02, 0x03, 0x00],
            [0x30, 0x04, 0x30, 0x80, 0x05, 0x00], [0xBF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x00],
        ] as [[UInt8]])
    func refused(octets: [UInt8]) {
        #expect(throws: DERError.self) { try BER.der(from: octets[...]) }
    }

    @Test("nesting and elements are limited, and trailing zeros are tolerated where that is asked for")
    func limits() throws {
        let deep = (0..<40_000).map { $0.isMultiple(of: 2) ? UInt8(0x30) : 0x80 }
        #expect(throws: DERError("nested deeper than 32")) { try BER.der(from: deep[...]) }
        let wide: [UInt8] =
            [0x30, 0x80] + (0..<20_000).map { $0.isMultiple(of: 2) ? UInt8(0x05) : 0x00 } + [0x00, 0x00]
        #expect(throws: DERError("too many BER elements")) { try BER.der(from: wide[...]) }
        #expect(try BER.der(from: [0x05, 0x00, 0x00, 0x00, 0x00], ignoringTrailingZeros: true) == [0x05, 0x00])
        #expect(throws: DERError.self) { try BER.der(from: [0x05, 0x00, 0x00, 0x01], ignoringTrailingZeros: true) }
    }

    @Test("a signed message that openssl streams as BER is strict DER afterwards, and still verifies")
    func openssl() async throws {
        let openssl = try OpenSSL()
        try await openssl.succeed(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Signer",
            "-keyout", openssl.path("key"), "-out", openssl.path("certificate"))
        let text = try openssl.file("text", String(repeating: "certctl ", count: 5000))
        try await openssl.succeed(
            "cms", "-sign", "-stream", "-nodetach", "-binary", "-in", text, "-signer", openssl.path("certificate"),
            "-inkey", openssl.path("key"), "-outform", "DER", "-out", openssl.path("streamed"))
        let streamed = [UInt8](try Data(contentsOf: URL(filePath: openssl.path("streamed"))))
        #expect(throws: DERError.self) { try DERNode(parsing: streamed[...]) }
        let der = try BER.der(from: streamed[...])
        _ = try DERNode(parsing: der[...])
        try Data(der).write(to: URL(filePath: openssl.path("der")))
        let content = try await openssl.succeed(
            "cms", "-verify", "-binary", "-in", openssl.path("der"), "-inform", "DER", "-CAfile",
            openssl.path("certificate"), "-purpose", "any")
        #expect(content.hasPrefix("certctl certctl"))
    }
}
