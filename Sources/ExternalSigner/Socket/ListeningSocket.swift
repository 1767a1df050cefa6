import HostEffects
import PKI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The socket at which a signer is asked.
final class ListeningSocket: Sendable {
    let path: String
    private let socket: LocalSocket

    /// - `group`: Whose members may connect besides the owner; `nil` for nobody.
    /// - Throws: When something else stands at `path`, or somebody listens there.
    init(_ path: String, group: UInt32?, fileSystem: FileSystem) throws {
        self.path = path
        if let status = try fileSystem.status(path) {
            guard status.kind == .other, status.userID == geteuid() else {
                throw SignerStartError("\(path) exists already and is no socket of this user")
            }
            if (try? LocalSocket.connect(to: path)) != nil {
                throw SignerStartError("another signer listens at \(path); stop it first")
            }
            try fileSystem.remove(path)
        }
        let made: LocalSocket
        do throws(SignerFault) { made = try LocalSocket.make() } catch {
            throw SignerStartError(error.signerError.description)
        }
        socket = made
        let descriptor = made.descriptor
        // Nobody can connect before mode and group are right: nothing listens yet.
        guard let code = LocalSocket.withAddress(path, { systemBind(descriptor, $0, $1) == 0 ? 0 : errno }) else {
            throw SignerStartError("the path of the socket is longer than \(LocalSocket.longestPath) octets: \(path)")
        }
        guard code == 0 else { throw FileError(.create, path, .system(errno: code)) }
        if let group { try fileSystem.changeOwner(path, userID: geteuid(), groupID: group) }
        try fileSystem.changeMode(path, to: group == nil ? 0o600 : 0o660)
        guard systemListen(descriptor, 64) == 0 else { throw SignerStartError("cannot listen at \(path) (\(errno))") }
    }

    /// The next connection; `nil` when none came for a while.
    func accept() -> LocalSocket? {
        var entry = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 100) > 0 else { return nil }
        let descriptor = systemAccept(socket.descriptor)
        return descriptor >= 0 ? LocalSocket(descriptor) : nil
    }

    /// Nobody finds the socket any more.
    func remove(_ fileSystem: FileSystem) { try? fileSystem.remove(path) }
}

private func systemBind(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Int32 {
    bind(descriptor, address, length)
}
private func systemListen(_ descriptor: Int32, _ backlog: Int32) -> Int32 { listen(descriptor, backlog) }
private func systemAccept(_ descriptor: Int32) -> Int32 { accept(descriptor, nil, nil) }

/// Why a signer does not start, for its operator.
package struct SignerStartError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
