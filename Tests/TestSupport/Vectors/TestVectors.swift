import Foundation

/// Published vectors that `scripts/test-vectors` fetches into `.build/test-vectors`; `make test` calls it.
package enum TestVectors {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: ".build/test-vectors")

    /// The octets of each file in `folder` with the given extension, by file name without it.
    package static func files(in folder: String, extension suffix: String) throws -> [String: [UInt8]] {
        let directory = root.appending(path: folder)
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory.path), !names.isEmpty else {
            throw Missing(folder: folder)
        }
        var files: [String: [UInt8]] = [:]
        for name in names where name.hasSuffix("." + suffix) {
            let octets = try Data(contentsOf: directory.appending(path: name))
            files[String(name.dropLast(suffix.count + 1))] = [UInt8](octets)
        }
        return files
    }

    /// The octets of one file, such as `wycheproof/ecdsa_secp256r1_sha256_test.json`.
    package static func file(_ path: String) throws -> [UInt8] {
        guard let octets = try? Data(contentsOf: root.appending(path: path)) else { throw Missing(folder: path) }
        return [UInt8](octets)
    }

    /// The vectors are not there.
    package struct Missing: Error, CustomStringConvertible {
        let folder: String

        package var description: String {
            "there are no vectors in .build/test-vectors/\(folder); run scripts/test-vectors"
        }
    }
}
