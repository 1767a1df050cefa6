package import Domain
import EmbeddedCA
import Encoding
package import HostEffects
import PKI
import Synchronization

/// The keys of a signer: encrypted PKCS#8 (RFC 5958 §3, PBES2 of RFC 8018) in a folder of its own, opened at first use.
///
/// Every call blocks. Nobody else writes into the folder: the signer holds its lock.
package final class KeyFolder: Sendable {
    package let path: String
    private let passphrase: Secret
    private let iterations: Int
    private let signaturesPerMinute: Int?
    private let fileSystem: FileSystem
    private let time: TimeSource
    private let random: RandomSource
    private let opened = Mutex<[SignerKeyName: PrivateKey]>([:])
    private let making = Mutex(())

    /// Rounds of PBKDF2 for new keys.
    package static let usualIterations = 600_000
    /// The most keys of a folder: whoever controls a server does not fill the disk of its signer.
    static let mostKeys = 256
    static let shortestPassphrase = 12
    private static let longestFile = 64 << 10

    /// - `signaturesPerMinute`: Written into the policies of new keys.
    /// - Throws: ``SignerStartError`` or ``FileError`` for a folder or a passphrase that does not do.
    package init(
        _ path: String, passphrase: Secret, signaturesPerMinute: Int? = nil, iterations: Int = usualIterations,
        fileSystem: FileSystem = .live, time: TimeSource, random: RandomSource
    ) throws {
        guard passphrase.count >= Self.shortestPassphrase else {
            throw SignerStartError(
                "the passphrase of the keys has \(passphrase.count) octets; use \(Self.shortestPassphrase) or more")
        }
        try fileSystem.makePrivateDirectory(path)
        self.path = path
        self.passphrase = passphrase
        self.iterations = iterations
        self.signaturesPerMinute = signaturesPerMinute
        self.fileSystem = fileSystem
        self.time = time
        self.random = random
    }

    /// Opens one of the keys, so that a wrong passphrase is told at the start, and sweeps up what a kill left behind.
    ///
    /// - Returns: How many keys there are.
    package func check() throws -> Int {
        for name in try fileSystem.list(path) where name.contains(AtomicFile.temporaryInfix) {
            try fileSystem.remove(PathText.join(path, name))
        }
        let names = try keyNames()
        guard let first = names.first else { return 0 }
        do throws(SignerError) { _ = try key(first) } catch { throw SignerStartError(error.description) }
        return names.count
    }

    private func keyNames() throws(FileError) -> [SignerKeyName] {
        try fileSystem.list(path).compactMap { file in
            file.hasSuffix(Self.keySuffix) ? try? SignerKeyName(String(file.dropLast(Self.keySuffix.count))) : nil
        }
    }

    func key(_ name: SignerKeyName) throws(SignerError) -> PrivateKey {
        if let key = opened.withLock({ $0[name] }) { return key }
        let octets: [UInt8]?
        do throws(FileError) {
            octets = try fileSystem.readOwned(file(name, Self.keySuffix), atMost: Self.longestFile)
        } catch {
            throw .permission(error.description)
        }
        guard var octets else { throw .keyNotFound("the signer has no key \(name)") }
        defer { Erasure.erase(&octets) }
        let key = try open(octets, name)
        opened.withLock { $0[name] = key }
        return key
    }

    private func open(_ octets: [UInt8], _ name: SignerKeyName) throws(SignerError) -> PrivateKey {
        let block: PEMBlock
        do throws(PEMError) {
            block = try PEMBlock.single(
                String(decoding: octets, as: UTF8.self), labels: [Self.label, "PRIVATE KEY", "EC PRIVATE KEY"])
        } catch {
            throw .unsupported("the key \(name) cannot be read: \(error)")
        }
        guard block.label == Self.label else {
            throw .unsupported(
                "the key \(name) is not encrypted; encrypt it: openssl pkcs8 -topk8 -v2 aes256 -v2prf hmacWithSHA256")
        }
        do throws(KeyStoreError) {
            return try PrivateKey(encryptedPKCS8DER: block.octets, password: passphrase)
        } catch .wrongPassword {
            throw .permission("the passphrase does not open the key \(name)")
        } catch {
            throw .unsupported("the key \(name) cannot be read: \(error)")
        }
    }

    /// The key of a name, made and written when there is none. Of several that ask at once one makes it.
    func obtain(
        _ name: SignerKeyName, _ spec: KeySpec?, _ purposes: SigningPurposes, mayMake: Bool
    ) throws(SignerError) -> (key: PrivateKey, isNew: Bool) {
        try making.withLock { _ throws(SignerError) in
            do throws(SignerError) {
                return (try key(name), false)
            } catch .keyNotFound {
                guard mayMake else {
                    throw .permission("this signer makes no keys; its operator puts the key \(name) there")
                }
                let key = try make(spec ?? .ecdsaP256, name, purposes)
                opened.withLock { $0[name] = key }
                return (key, true)
            } catch {
                throw error
            }
        }
    }

    private func make(
        _ spec: KeySpec, _ name: SignerKeyName, _ purposes: SigningPurposes
    ) throws(SignerError) -> PrivateKey {
        do {
            guard try keyNames().count < Self.mostKeys else {
                throw SignerError.permission("the signer has \(Self.mostKeys) keys, which are the most")
            }
            let key = try PrivateKey.generate(spec)
            let der = try key.encryptedPKCS8DER(
                password: passphrase, scheme: .modern, iterations: iterations, random)
            let stamp = time.now.microsecondsSinceEpoch
            // The policy first: no key is ever there without it. One of a key that was never finished is replaced.
            try AtomicFile.replace(
                file(name, Self.policySuffix),
                with: Array(KeyPolicy(purposes: purposes, signaturesPerMinute: signaturesPerMinute).text.utf8),
                stamp: stamp, fileSystem: fileSystem)
            try fileSystem.publish(
                file(name, Self.keySuffix), Array(PEMBlock(label: Self.label, octets: der).text.utf8), stamp: stamp)
            return key
        } catch let error as SignerError {
            throw error
        } catch let error as KeyError {
            throw .unsupported("\(error)")
        } catch {
            throw .transient("the signer cannot keep a new key: \(error)")
        }
    }

    /// Forgets a key. The policy goes last: no key is ever there without it.
    func remove(_ name: SignerKeyName) throws(SignerError) {
        try making.withLock { _ throws(SignerError) in
            do throws(FileError) {
                try fileSystem.remove(file(name, Self.keySuffix))
                opened.withLock { _ = $0.removeValue(forKey: name) }
                try fileSystem.remove(file(name, Self.policySuffix))
            } catch {
                throw .transient("the signer cannot remove the key \(name): \(error)")
            }
        }
    }

    /// As its file says now, so that a change counts at once.
    func policy(_ name: SignerKeyName) throws(SignerError) -> KeyPolicy {
        do {
            let path = file(name, Self.policySuffix)
            guard let octets = try fileSystem.readOwned(path, atMost: Self.longestFile) else { return .unwritten }
            return try KeyPolicy(parsing: octets)
        } catch {
            throw .rule(.policy, "the policy of the key \(name) \(error)")
        }
    }

    /// The signer's own clock, to which the policies hold what is signed.
    var now: Timestamp { time.now }

    private func file(_ name: SignerKeyName, _ suffix: String) -> String { PathText.join(path, name.text + suffix) }

    private static let keySuffix = ".key"
    private static let policySuffix = ".policy.json"
    private static let label = "ENCRYPTED PRIVATE KEY"
}
