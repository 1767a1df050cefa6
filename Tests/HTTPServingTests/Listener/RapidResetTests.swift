import HTTPServing
import Testing

@Suite("HTTP/2 floods (RFC 9113 §10.5, CVE-2023-44487)")
struct RapidResetTests {
    private static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let length = UInt32(payload.count)
        return [UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, flags]
            + [24, 16, 8, 0].map { UInt8(stream >> UInt32($0) & 0xFF) } + payload
    }

    /// Type and payload of each whole frame.
    private static func frames(_ octets: [UInt8]) -> [(type: UInt8, payload: [UInt8])] {
        var frames: [(type: UInt8, payload: [UInt8])] = []
        var rest = octets[...]
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            guard rest.count >= 9 + length else { break }
            frames.append((head[3], Array(rest.dropFirst(9).prefix(length))))
            rest = rest.dropFirst(9 + length)
        }
        return frames
    }

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0, [])
    /// GET https://a/health: indexed method and scheme, literal path and authority.
    private static let request: [UInt8] =
        [0x82, 0x87, 0x04, 0x07] + Array("/health".utf8) + [0x01, 0x01] + Array("a".utf8)

    @Test("a connection that opens and resets streams over and over is told to calm down, and ends")
    func rapidReset() async throws {
        try await Stage.run { stage in
            var octets = Self.preface
            for index in 0..<600 {
                let stream = UInt32(2 * index + 1)
                octets += Self.frame(1, 0x05, stream, Self.request)
                octets += Self.frame(3, 0, stream, [0, 0, 0, 8])
            }
            let answer = try await RawTLS.octets(port: stage.port, protocolName: "h2", octets)
            let goAway = Self.frames(answer).last { $0.type == 7 }
            #expect(goAway?.payload.dropFirst(4).prefix(4) == [0, 0, 0, 0x0B])
            let after = try await stage.curl("/health")
            #expect(after.status == 200)
        }
    }
}
