import Encoding
import Testing

@Suite("Hexadecimal text")
struct HexTests {
    @Test("octets become lower-case digits and come back")
    func roundTrip() {
        let octets = (0...255).map { UInt8($0) }
        #expect(Hex.encode([0x00, 0xAB, 0xFF]) == "00abff")
        #expect(Hex.decode(Hex.encode(octets)) == octets)
        #expect(Hex.decode("ABff") == [0xAB, 0xFF])
    }

    @Test("odd length and other characters are refused", arguments: ["a", "abc", "0g", "0x00", " 00", "é"])
    func refused(text: String) {
        #expect(Hex.decode(text) == nil)
    }
}
