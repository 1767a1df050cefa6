import Domain
import PKI
import Testing

@Suite("RFC 5280 §4.1.2.2: serial numbers")
struct SerialNumberTests {
    @Test(
        "every spelling of a number is the same number",
        arguments: [
            "0x0A1b", "a1b", "0a:1b", "00 0A 1B", "A1B", "000000a1b",
        ])
    func spellings(text: String) throws {
        #expect(try SerialNumber(hex: text).hex == "a1b")
    }

    @Test("zero, oversize and other text are refused")
    func refused() {
        #expect(throws: SerialNumberError.notPositive) { try SerialNumber(hex: "00") }
        #expect(throws: SerialNumberError.notHexadecimal) { try SerialNumber(hex: "xyz") }
        #expect(throws: SerialNumberError.notHexadecimal) { try SerialNumber(hex: "") }
        #expect(throws: SerialNumberError.tooLong(octets: 21)) {
            try SerialNumber([UInt8](repeating: 0x80, count: 20))
        }
        #expect(throws: SerialNumberError.tooLong(octets: 21)) {
            try SerialNumber([UInt8](repeating: 0x01, count: 21))
        }
    }

    @Test("random serials are positive, fit in 20 octets and differ")
    func random() throws {
        let serials = (0..<1000).map { _ in SerialNumber.random(.system) }
        #expect(Set(serials).count == serials.count)
        for serial in serials { #expect(try SerialNumber(serial.magnitude) == serial) }
    }
}
