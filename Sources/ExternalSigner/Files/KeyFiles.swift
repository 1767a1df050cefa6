import Domain
import EmbeddedCA
import Encoding
import HostEffects
import PKI
import Synchronization

/// Reads and makes the files of ``FileKeyDriver``. Every call blocks.
final class KeyFiles: Sendable {
    private let directory: String?
    private let iterations: Int
    private let fileSystem: FileSystem
    private let time: TimeSource
    private let random: RandomSource
    private let making = Mutex(())

    private static let longestFile = 64 << 10
    private static let encryptedLabel = "ENCRYPTED PRIVATE KEY"
    private static let setting = "CERTCTL_CA_KEY_DIRECTORY"

    init(directory: String?, iterations: Int, fileSystem: FileSystem, time: TimeSource, random: RandomSource) {
        self.directory = directory
        self.iterations = iterations
        self.fileSystem = fileSystem
        self.time = time
        self.random = random
    }

    /// The key of a file; `nil` when there is none.
    func find(_ ref: String, _ passphrase: Secret?) throws(SignerError) -> PrivateKey? {
        let path = try place(ref)
        do {
            return try read(path, as: ref, passphrase)
        } catch {
            throw Self.signerError(error)
        }
    }

    /// The key of a file, made when there is none. A file that somebody else puts there meanwhile stays as it is.
    func obtain(
        _ ref: String, _ spec: KeySpec?, _ passphrase: Secret?
    ) throws(SignerError) -> (key: PrivateKey, isNew: Bool) {
        try making.withLock { _ throws(SignerError) in
            if let key = try find(ref, passphrase) { return (key, false) }
            try checkDirectory(of: ref)
            let path = try place(ref)
            do {
                let key = try PrivateKey.generate(spec ?? .ecdsaP256)
                try written(key, passphrase).withBytes {
                    try fileSystem.publish(path, $0, stamp: time.now.microsecondsSinceEpoch)
                }
                return (key, true)
            } catch let error as FileError where error.reason == .alreadyExists {
                guard let key = try find(ref, passphrase) else {
                    throw .transient("the file \(ref) came and went while a key was made")
                }
                return (key, false)
            } catch {
                throw Self.signerError(error)
            }
        }
    }

    private func written(_ key: PrivateKey, _ passphrase: Secret?) throws -> Secret {
        guard let passphrase else { return key.pkcs8PEM }
        let der = try key.encryptedPKCS8DER(password: passphrase, scheme: .modern, iterations: iterations, random)
        return Secret(PEMBlock(label: Self.encryptedLabel, octets: der).text)
    }

    /// Whether a key could be made there.
    func checkDirectory(of ref: String) throws(SignerError) {
        let folder = PathText.parent(of: try place(ref))
        do throws(FileError) {
            guard let status = try fileSystem.status(folder), status.kind == .directory else {
                throw FileError(.inspect, folder, .notFound)
            }
            guard try fileSystem.mayWrite(into: folder) else { throw FileError(.create, ref, .permissionDenied) }
            guard !status.isWritableByGroup, !status.isWritableByOthers else {
                throw FileError(
                    .create, ref,
                    .insecure(
                        "others may write into \(folder) (mode \(status.attributes.octalMode)); run chmod 700 on it"))
            }
        } catch {
            throw .permission(error.description)
        }
    }

    func discard(_ ref: String) throws(SignerError) {
        try making.withLock { _ throws(SignerError) in
            let path = try place(ref)
            do throws(FileError) {
                try fileSystem.remove(path)
                try fileSystem.syncDirectory(PathText.parent(of: path))
            } catch {
                throw Self.signerError(error)
            }
        }
    }

    /// A file that may be a link.
    func supplied(_ path: String, _ passphrase: Secret?) throws -> PrivateKey {
        guard let resolved = PathRules.realPath(path) else { throw SignerError.keyNotFound("\(path) does not exist") }
        if let directory, !PathText.isWithin(resolved, PathRules.realPath(directory) ?? directory) {
            throw SignerError.permission("\(path) is not in \(directory), the directory of \(Self.setting)")
        }
        guard let key = try read(resolved, as: path, passphrase) else {
            throw SignerError.keyNotFound("\(path) does not exist")
        }
        return key
    }

    /// Where a reference leads. Links below the directory are refused, so that a key has one name.
    private func place(_ ref: String) throws(SignerError) -> String {
        guard let directory else {
            throw .unsupported("keys in files need a directory of their own; set \(Self.setting) to its path")
        }
        if let problem = FileKeyPath.problem(ref) { throw .unsupported("the reference \(ref) \(problem)") }
        guard PathText.isWithin(ref, directory), ref != directory else {
            throw .permission("\(ref) is not in \(directory), the directory of \(Self.setting)")
        }
        do throws(FileError) {
            if try fileSystem.status(directory) == nil { try fileSystem.makePrivateDirectory(directory) }
            guard let root = PathRules.realPath(directory) else {
                throw FileError(.inspect, directory, .notFound)
            }
            let expected = root + ref.dropFirst(directory.count)
            let folder = PathText.parent(of: expected)
            guard let actual = PathRules.realPath(folder) else { throw FileError(.inspect, folder, .notFound) }
            let kind = try fileSystem.status(expected)?.kind
            let isLink = actual == folder && kind == .symbolicLink
            let end = isLink ? PathRules.realPath(expected) : actual
            guard let end, PathText.isWithin(end, root) else {
                throw FileError(
                    .read, ref, .insecure("a link leads out of \(directory), the directory of \(Self.setting)"))
            }
            guard actual == folder, !isLink else { throw FileError(.read, ref, .symbolicLink) }
            return expected
        } catch {
            throw .permission(error.description)
        }
    }

    private func read(_ path: String, as ref: String, _ passphrase: Secret?) throws -> PrivateKey? {
        guard var octets = try fileSystem.readPrivate(resolved: path, atMost: Self.longestFile) else { return nil }
        defer { Erasure.erase(&octets) }
        do throws(KeyError) {
            return try PrivateKey(pem: Secret(octets))
        } catch .encrypted {
            return try open(octets, ref, passphrase)
        } catch {
            throw SignerError.unsupported("\(ref) is not a key that certctl reads: \(error)")
        }
    }

    private func open(_ octets: [UInt8], _ ref: String, _ passphrase: Secret?) throws(SignerError) -> PrivateKey {
        guard
            let block = try? PEMBlock.single(String(decoding: octets, as: UTF8.self), labels: [Self.encryptedLabel])
        else {
            throw .unsupported(
                "the key \(ref) is encrypted in an old form; convert it: openssl pkcs8 -topk8 -v2 aes256 -v2prf hmacWithSHA256"
            )
        }
        guard let passphrase else {
            throw .permission(
                "the key \(ref) is encrypted; give key_passphrase to the issuer, or CERTCTL_CA_KEY_PASSPHRASE_FILE to the server"
            )
        }
        do throws(KeyStoreError) {
            return try PrivateKey(encryptedPKCS8DER: block.octets, password: passphrase)
        } catch .wrongPassword {
            throw .permission("the passphrase does not open the key \(ref)")
        } catch {
            throw .unsupported("the key \(ref) cannot be read: \(error)")
        }
    }

    private static func signerError(_ error: any Error) -> SignerError {
        switch error {
        case let error as SignerError: error
        case let error as FileError:
            switch error.reason {
            case .permissionDenied, .insecure, .symbolicLink, .readOnlyFileSystem: .permission(error.description)
            case .notARegularFile, .tooLarge: .unsupported(error.description)
            case .notFound, .alreadyExists, .diskFull, .crossDevice, .unknownAccount, .system:
                .transient(error.description)
            }
        default: .unsupported("\(error)")
        }
    }
}
