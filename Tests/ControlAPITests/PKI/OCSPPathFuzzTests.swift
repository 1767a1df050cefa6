import Encoding
import PKI
import TestSupport
import Testing

@testable import ControlAPI

@Suite("RFC 6960 A.1: paths of OCSP requests survive damage")
struct OCSPPathFuzzTests {
    @Test("a request, a serial number or nothing", arguments: 0..<8 as Range<UInt64>)
    func paths(seed: UInt64) {
        var input = SeededInput(FuzzRun.seed(of: 130 + seed))
        let request: [UInt8] = [0x30, 0x0A, 0x30, 0x08, 0x30, 0x06, 0x30, 0x04, 0x30, 0x02, 0xFF, 0xFE]
        let corpus = [
            Base64.encode(request), Base64.encode(request).replacing("/", with: "%2F").replacing("+", with: "%2B"),
            "5d1c9a", "00:FF:5d",
        ]
        let alphabet = ["%", "%2F", "%00", "/", "+", " ", "=", "==", "-", "_", ":", "M", "g", "é", "\u{0}", "%c3%28"]
        var accepted = 0
        let executions = max(1, FuzzRun.executions / 8)
        for _ in 0..<executions {
            let text = input.damaged(input.pick(corpus), with: alphabet)
            switch OCSPPath(text) {
            case .request(let octets):
                accepted += 1
                #expect(octets.first.map { (0x30...0x33).contains($0) } ?? false, "\(text)")
            case .serial(let serial):
                accepted += 1
                #expect(serial.magnitude.count <= 20, "\(text)")
            case .malformed: continue
            }
        }
        #expect(accepted > 0 && accepted < executions, "\(accepted) (seed \(FuzzRun.seed))")
    }
}
