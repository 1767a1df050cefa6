import Crypto
import Domain
import Encoding
import HostEffects
import Lifecycle

/// The directory of archived audit events.
enum ArchiveDirectory {
    static func target(_ path: String, fileSystem: FileSystem, time: TimeSource) -> ArchiveTarget {
        ArchiveTarget { name, feed in
            let stamp = time.now.microsecondsSinceEpoch
            let file = try await BlockingWork.run {
                try fileSystem.makePrivateDirectory(path)
                return try NewFile(destination: PathText.join(path, name), stamp: stamp, fileSystem: fileSystem)
            }
            let digest = RunningDigest()
            do {
                try await feed { octets in
                    await digest.add(octets)
                    try await BlockingWork.run { try file.append(octets) }
                }
                try await BlockingWork.run { try file.commit() }
            } catch {
                file.discard()
                throw error
            }
            return await digest.hex
        }
    }
}

/// The SHA-256 of what goes by.
private actor RunningDigest {
    private var digest = SHA256()

    func add(_ octets: [UInt8]) { digest.update(data: octets) }

    var hex: String { Hex.encode(digest.finalize()) }
}
