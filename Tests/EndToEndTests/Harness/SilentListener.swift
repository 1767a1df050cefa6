import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// A loopback port where the kernel completes connections and no program ever answers.
final class SilentListener: Sendable {
    let port: Int
    private let descriptor: Int32

    struct Failure: Error { let code: Int32 }

    /// - `port`: 0 for any.
    init(port wanted: Int = 0) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(wanted).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bound in
                bind(descriptor, bound, length) == 0 && listen(descriptor, 16) == 0
                    ? getsockname(descriptor, bound, &length) : -1
            }
        }
        guard status == 0 else { throw Failure(code: errno) }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }
}
