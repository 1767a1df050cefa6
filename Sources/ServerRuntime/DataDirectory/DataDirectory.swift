import Domain
import HostEffects

/// The directory that holds what a server cannot do without (specification, operations §3.6).
///
/// Holding the value means holding `server.lock`: a second server on the same directory is refused.
final class DataDirectory: Sendable {
    let path: String
    private let lock: ProcessLock

    /// Creates the directory when it is missing, closes it to others, and takes the lock.
    ///
    /// - Throws: ``StartUpFailure``: 69 when another server holds the directory, 77 when its permissions forbid use.
    init(preparing path: String, fileSystem: FileSystem = .live) throws {
        do {
            try fileSystem.makePrivateDirectory(path)
            for folder in ["keys", "tls"] { try fileSystem.makePrivateDirectory("\(path)/\(folder)") }
            lock = try ProcessLock(path: "\(path)/server.lock", fileSystem: fileSystem)
        } catch let error as ProcessLockError {
            let holder = error.holder.map { " by process \($0)" } ?? ""
            throw StartUpFailure(
                .unavailable,
                "the data directory \(path) is in use\(holder); stop that server, or set CERTCTL_DATA_DIR to another "
                    + "directory. Several servers need PostgreSQL (CERTCTL_DATABASE_URL)"
            )
        } catch let error as FileError {
            throw StartUpFailure(.permission, "\(error); set CERTCTL_DATA_DIR to a directory that this user owns")
        }
        self.path = path
    }

    var sealingKeyFile: String { "\(path)/keys/config.key" }
    var setupTokenFile: String { "\(path)/setup-token" }
    var authorityCertificate: String { "\(path)/tls/ca.crt" }
    var authorityKey: String { "\(path)/tls/ca.key" }
    var serverCertificate: String { "\(path)/tls/server.crt" }
    var serverKey: String { "\(path)/tls/server.key" }
}
