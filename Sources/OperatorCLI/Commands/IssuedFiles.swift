import Domain
import Encoding
import HostEffects
import PKI

/// Key, certificate and chain of an issuance with a key of this host.
struct IssuedFiles {
    private let environment: CLIEnvironment
    private let keyPath: String
    /// Leaf first, then its issuers: what most servers want.
    private let certificatePath: String
    /// The issuers alone, without the root; not written when a root issues directly.
    private let chainPath: String

    /// Checks before anything is issued that the files can be written.
    init(directory: String, name: String, overwrite: Bool, _ environment: CLIEnvironment) throws(CLIFailure) {
        let stem = name.replacing("*", with: "_wildcard").replacing("/", with: "_").replacing(":", with: "_")
        guard !stem.hasPrefix("."), !stem.isEmpty else { throw .usage("\"\(name)\" cannot be a file name") }
        let root = directory.hasSuffix("/") ? String(directory.dropLast()) : directory
        self.environment = environment
        keyPath = "\(root)/\(stem).key"
        certificatePath = "\(root)/\(stem).crt"
        chainPath = "\(root)/\(stem).chain.crt"
        do {
            guard let status = try environment.fileSystem.status(root.isEmpty ? "/" : PathRules.realPath(root) ?? root),
                status.kind == .directory
            else { throw CLIFailure.file(message: "\(directory): no such directory", isPermission: false) }
            for path in [keyPath, certificatePath, chainPath] where !overwrite {
                if try environment.fileSystem.status(path) != nil {
                    throw CLIFailure.usage("\(path) exists: add --overwrite to replace it")
                }
            }
        } catch let error as FileError {
            throw LocalFiles.failure(error)
        } catch let error as CLIFailure {
            throw error
        } catch {
            throw .file(message: "\(error)", isPermission: false)
        }
    }

    /// Writes all three or none: everything is staged and synced before the first one becomes visible.
    ///
    /// - Returns: the paths written; the key is mode 0600.
    func write(key: PrivateKey, chain: String) throws(CLIFailure) -> [String] {
        let blocks = (try? PEMBlock.parse(chain)) ?? []
        let isPair =
            blocks.first.flatMap { try? X509Certificate(der: $0.octets) }
            .map { key.matches($0.subjectPublicKey) } ?? false
        guard isPair else { throw .malformedAnswer("the certificate received is not for the key generated here") }
        let issuers = blocks.dropFirst().map(\.text).joined()
        let keyOctets = key.pkcs8PEM.withBytes { $0 }
        let contents = [
            (keyPath, keyOctets, UInt32(0o600)), (certificatePath, Array(chain.utf8), 0o644),
            (chainPath, Array(issuers.utf8), 0o644),
        ].filter { !$0.1.isEmpty }
        let stamp = environment.time.now.microsecondsSinceEpoch
        let files = contents.map { (file: AtomicFile(destination: $0.0, stamp: stamp), octets: $0.1, mode: $0.2) }
        do {
            for entry in files {
                try entry.file.stage(entry.octets, attributes: nil, fileSystem: environment.fileSystem)
                if entry.mode != 0o600 {
                    try environment.fileSystem.changeMode(entry.file.temporary, to: entry.mode)
                }
            }
            for entry in files { try entry.file.commit(fileSystem: environment.fileSystem) }
            // What an earlier issuer left here would not belong to the new certificate.
            if issuers.isEmpty, try environment.fileSystem.status(chainPath) != nil {
                try environment.fileSystem.remove(chainPath)
            }
            try environment.fileSystem.syncDirectory(PathText.parent(of: keyPath))
        } catch {
            for entry in files { try? environment.fileSystem.remove(entry.file.temporary) }
            throw LocalFiles.failure(error)
        }
        return contents.map(\.0)
    }

    /// One file, replaced in one step.
    static func replace(
        _ path: String,
        with octets: [UInt8],
        mode: UInt32,
        _ environment: CLIEnvironment
    ) throws(CLIFailure) {
        do {
            try AtomicFile.replace(
                path,
                with: octets,
                mode: mode,
                stamp: environment.time.now.microsecondsSinceEpoch,
                fileSystem: environment.fileSystem
            )
        } catch {
            throw LocalFiles.failure(error)
        }
    }
}
