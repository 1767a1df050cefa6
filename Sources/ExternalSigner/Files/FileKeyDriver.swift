package import Domain
package import EmbeddedCA
package import HostEffects
package import PKI

/// Keys in files of the server (issuers §5.2): PKCS#8, plain or encrypted (PBES2 of RFC 8018), SEC 1 or PKCS#1 as PEM.
/// References are absolute paths below the directory of the settings.
///
/// A key is in the memory of the server while it is used. What is made is encrypted when there is a passphrase.
package struct FileKeyDriver: KeyDriver {
    package let name = "file"
    private let files: KeyFiles
    private let passphrase: @Sendable () -> Secret?

    /// - `directory`: Where the keys must be; `nil`: every reference is refused, and supplied files may be anywhere.
    /// - `passphrase`: Of files without one of their own.
    /// - `iterations`: Rounds of PBKDF2 for new keys.
    package init(
        directory: String?, passphrase: @escaping @Sendable () -> Secret?,
        iterations: Int = KeyFolder.usualIterations, fileSystem: FileSystem = .live, time: TimeSource,
        random: RandomSource
    ) {
        files = KeyFiles(
            directory: directory, iterations: iterations, fileSystem: fileSystem, time: time, random: random)
        self.passphrase = passphrase
    }

    private init(_ files: KeyFiles, _ passphrase: Secret) {
        self.files = files
        self.passphrase = { passphrase }
    }

    package func unlocking(with passphrase: Secret) -> any KeyDriver { FileKeyDriver(files, passphrase) }

    package func load(_ ref: String, for purposes: SigningPurposes) async throws(SignerError) -> any Signer {
        let passphrase = passphrase()
        let key = try await blocking { [files] () throws(SignerError) in try files.find(ref, passphrase) }
        guard let key else { throw .keyNotFound("there is no file \(ref)") }
        return InProcessSigner(key: key, purposes: purposes)
    }

    package func obtain(
        _ spec: KeySpec?, at ref: String, for purposes: SigningPurposes
    ) async throws(SignerError) -> ReachedKey {
        let passphrase = passphrase()
        let found = try await blocking { [files] () throws(SignerError) in try files.obtain(ref, spec, passphrase) }
        if let spec, found.key.publicKey.name != spec.rawValue {
            throw .unsupported("the key \(ref) is \(found.key.publicKey.name), and not \(spec.rawValue)")
        }
        return ReachedKey(
            signer: InProcessSigner(key: found.key, purposes: purposes), ref: ref, isNew: found.isNew)
    }

    package func generate(
        _ spec: KeySpec, label: String, for purposes: SigningPurposes
    ) async throws(SignerError) -> (signer: any Signer, ref: String) {
        let key = try await obtain(spec, at: label, for: purposes)
        guard key.isNew else { throw .permission("there is a file \(label) already; no key is written over") }
        return (key.signer, key.ref)
    }

    package func examine(_ ref: String) async throws(SignerError) -> Bool {
        let passphrase = passphrase()
        return try await blocking { [files] () throws(SignerError) in
            if try files.find(ref, passphrase) != nil { return true }
            try files.checkDirectory(of: ref)
            return false
        }
    }

    package func discard(_ ref: String, isOwn: Bool) async throws(SignerError) {
        guard isOwn else { throw .permission("the file \(ref) was not made by this process") }
        try await blocking { [files] () throws(SignerError) in try files.discard(ref) }
    }

    /// The key of a file that the configuration supplies together with its certificate, wherever that is below the
    /// directory of the settings, or at all when there is none. Links are followed: orchestrators mount secrets as links.
    ///
    /// - Throws: ``SignerError``, or ``FileError`` when the file is closed to the server or open to others.
    package func supplied(_ path: String, passphrase own: Secret?) async throws -> PrivateKey {
        let passphrase = own ?? passphrase()
        return try await BlockingWork.run { [files] in try files.supplied(path, passphrase) }
    }

    /// A passphrase takes a good part of a second, on purpose: not on a thread that others wait for.
    private func blocking<Result: Sendable>(
        _ body: @escaping @Sendable () throws(SignerError) -> Result
    ) async throws(SignerError) -> Result {
        do {
            return try await BlockingWork.run(body)
        } catch let error as SignerError {
            throw error
        } catch {
            throw .transient("\(error)")
        }
    }
}
