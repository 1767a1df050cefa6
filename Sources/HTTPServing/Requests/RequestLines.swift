package import APIContract
package import Domain
import Encoding

/// One line of a body of JSON texts (NDJSON).
package struct RequestLine<Body: Sendable>: Sendable {
    /// From one; empty lines count.
    package let number: Int
    package let content: Result<Body, ServiceError>
}

extension RequestContext {
    /// Most lines of one body.
    package static let maximumLines = 10_000

    /// The lines of the body, each decoded by itself: one that is wrong does not keep the others from being read.
    ///
    /// Throws when there are none, or too many.
    package func decodeLines<Body: WireValue>(of _: Body.Type = Body.self) throws(ServiceError) -> [RequestLine<Body>] {
        var lines: [RequestLine<Body>] = []
        var number = 0
        for line in body.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) else { continue }
            guard lines.count < Self.maximumLines else {
                throw ServiceError(.validationFailed, "a body may have at most \(Self.maximumLines) lines")
            }
            lines.append(
                RequestLine(number: number, content: Result { () throws(ServiceError) in try decode(line: line) }))
        }
        guard !lines.isEmpty else { throw ServiceError(.validationFailed, "the body has no line") }
        return lines
    }

    private func decode<Body: WireValue>(line: ArraySlice<UInt8>) throws(ServiceError) -> Body {
        let json: JSONValue
        do {
            json = try JSONValue(parsing: Array(line))
        } catch {
            throw ServiceError(.malformedJSON, error.description)
        }
        do {
            return try Body.decode(json, mode: .whole, refusesUnknownMembers: isStrict)
        } catch {
            throw error.serviceError
        }
    }
}
