import Foundation
import TestSupport
import Testing

@testable import PKI

@Suite("FIPS 46-3, RFC 2268: ciphers of older key stores")
struct OldCipherTests {
    private static func octets(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).compactMap { start in
            let from = hex.index(hex.startIndex, offsetBy: start)
            return UInt8(hex[from..<hex.index(from, offsetBy: 2)], radix: 16)
        }
    }

    /// With three equal keys triple DES is DES, whose published vectors then hold.
    @Test(
        "published vectors of DES",
        arguments: [
            ("133457799BBCDFF1", "0123456789ABCDEF", "85E813540F0AB405"),
            ("0101010101010101", "8000000000000000", "95F8A5E5DD31D900"),
            ("8001010101010101", "0000000000000000", "95A8D72813DAA94D"),
            ("7CA110454A1A6E57", "01A1D6D039776742", "690F5B0D9A26939B"),
        ])
    func des(key: String, plain: String, cipher: String) {
        let key = Self.octets(key)
        let zero = [UInt8](repeating: 0, count: 8)
        let sealed = TripleDES.encryptCBC(Self.octets(plain), key: key + key + key, iv: zero)
        #expect(Array(sealed.prefix(8)) == Self.octets(cipher))
        #expect(TripleDES.decryptCBC(sealed, key: key + key + key, iv: zero) == Self.octets(plain))
    }

    @Test("three keys and chaining agree with openssl")
    func triple() async throws {
        let openssl = try OpenSSL()
        let text = "The quick brown fox jumps over the lazy dog."
        let key = "0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123"
        let path = try openssl.file("plain", text)
        let outcome = try await openssl.succeed(
            "enc", "-des-ede3-cbc", "-K", key, "-iv", "0011223344556677", "-in", path, "-a", "-A")
        let sealed = TripleDES.encryptCBC(
            Array(text.utf8), key: Self.octets(key), iv: Self.octets("0011223344556677"))
        #expect(Data(sealed).base64EncodedString() == outcome.split(separator: "\n").first.map(String.init))
    }

    /// RFC 2268 §5, each as one block of CBC with a zero vector.
    @Test(
        "vectors of RFC 2268",
        arguments: [
            ("0000000000000000", 63, "0000000000000000", "ebb773f993278eff"),
            ("ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49"),
            ("3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2"),
            ("88", 64, "0000000000000000", "61a8a244adacccf0"),
            ("88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"),
            ("88bca90e90875a7f0f79c384627bafb2", 64, "0000000000000000", "1a807d272bbe5db1"),
            ("88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6"),
        ])
    func rc2(key: String, bits: Int, plain: String, cipher: String) {
        #expect(
            RC2.decrypted(block: Self.octets(cipher), key: Self.octets(key), effectiveBits: bits) == Self.octets(plain))
    }
}
