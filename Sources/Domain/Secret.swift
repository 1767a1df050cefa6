/// A value that never appears in a log, an error, a response or a debugger description by accident.
///
/// The wrapped octets leave only through a scoped closure, so that a reader can find every use by
/// searching for `withBytes` and `withText`.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let octets: [UInt8]

    package init(_ octets: [UInt8]) { self.octets = octets }
    package init(_ text: String) { octets = Array(text.utf8) }

    package var isEmpty: Bool { octets.isEmpty }
    package var count: Int { octets.count }

    package func withBytes<Result, Failure: Error>(
        _ body: ([UInt8]) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(octets)
    }

    package func withText<Result, Failure: Error>(
        _ body: (String) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(String(decoding: octets, as: UTF8.self))
    }

    /// Compares without revealing by its duration where the first difference lies.
    package func matches(_ other: Secret) -> Bool { ConstantTime.equal(octets, other.octets) }

    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Comparisons whose duration depends on lengths alone.
package enum ConstantTime {
    package static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }
}
