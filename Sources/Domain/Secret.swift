import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A value that never appears in a log, an error, a response or a debugger description by accident.
///
/// The wrapped octets leave only through a scoped closure, so that a reader can find every use by
/// searching for `withBytes` and `withText`. They are overwritten when the last copy of the value goes, and so is what a
/// closure was given, unless it kept it.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let storage: Storage

    package init(_ octets: [UInt8]) { storage = Storage(octets) }
    package init(_ text: String) { storage = Storage(text.utf8) }

    package var isEmpty: Bool { storage.count == 0 }
    package var count: Int { storage.count }

    package func withBytes<Result, Failure: Error>(
        _ body: ([UInt8]) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var copy = storage.copy()
        defer { Erasure.erase(&copy) }
        return try body(copy)
    }

    package func withText<Result, Failure: Error>(
        _ body: (String) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withBytes { octets throws(Failure) in try body(String(decoding: octets, as: UTF8.self)) }
    }

    /// Compares without revealing by its duration where the first difference lies.
    package func matches(_ other: Secret) -> Bool {
        withBytes { left in other.withBytes { ConstantTime.equal(left, $0) } }
    }

    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension Secret {
    /// The only holder of the octets. An array of its own, so that erasing it erases them and not a copy.
    private final class Storage: Sendable {
        let count: Int
        private let octets: Mutex<[UInt8]>

        init(_ source: some Collection<UInt8>) {
            let own = [UInt8](unsafeUninitializedCapacity: source.count) { buffer, initialized in
                for (index, octet) in source.enumerated() { buffer.initializeElement(at: index, to: octet) }
                initialized = source.count
            }
            count = own.count
            octets = Mutex(own)
        }

        deinit { octets.withLock { Erasure.erase(&$0) } }

        func copy() -> [UInt8] {
            octets.withLock { own in
                [UInt8](unsafeUninitializedCapacity: own.count) { buffer, initialized in
                    _ = buffer.initialize(from: own)
                    initialized = own.count
                }
            }
        }
    }
}

/// Overwriting that the optimiser does not take out.
package enum Erasure {
    package static func erase(_ octets: inout [UInt8]) {
        octets.withUnsafeMutableBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            #if canImport(Darwin)
                memset_s(start, buffer.count, 0, buffer.count)
            #else
                explicit_bzero(start, buffer.count)
            #endif
        }
    }
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
