package import EmbeddedCA
package import PKI

/// Keys in a signing process of this host, `certctl signer serve` (issuers §5.2, security §10.5). References are
/// `signer:<name>`.
///
/// Every call happens on threads of this driver, and nobody waits longer than its deadline: a signer that is away or stalls
/// fails those who need it and delays nobody else. Connections are kept and made anew when the signer was.
package final class ProcessKeyDriver: KeyDriver {
    package let name = "exec"
    package let executor: SigningExecutor

    private let connections: SignerConnections?
    private let timeout: Duration

    /// How many callers may wait for their turn; further ones are refused at once.
    private static let longestLine = 256
    /// Making a key of RSA takes seconds, and so does encrypting it under a passphrase.
    private static let generationFactor = 6

    /// - Parameters:
    ///   - socket: Where the signer listens; `nil` when the settings name none: every call fails and says so.
    ///   - user: Whom the signer must run as. Absent: root, or the owner of the folder that the socket is in.
    ///   - connections: How many calls at once.
    ///   - timeout: How long a caller waits for a signature.
    package init(socket: String?, user: UInt32?, connections: Int, timeout: Duration) {
        self.connections = socket.map { SignerConnections(path: $0, user: user) }
        self.timeout = timeout
        executor = SigningExecutor(threads: connections, waiting: Self.longestLine, deadline: timeout)
    }

    package func load(_ ref: String, for purposes: SigningPurposes) async throws(SignerError) -> any Signer {
        let name = try Self.name(ref)
        return try signer(name, try await describe(name), purposes)
    }

    package func obtain(
        _ spec: KeySpec?, at ref: String, for purposes: SigningPurposes
    ) async throws(SignerError) -> ReachedKey {
        let name = try Self.name(ref)
        let reply = try await ask(
            .obtain(name, spec: spec, purposes: purposes), within: timeout * Self.generationFactor)
        guard case .key(let key) = reply else { throw Self.unexpected }
        if let spec, key.publicKey.name != spec.rawValue {
            throw .unsupported("the key \(ref) is \(key.publicKey.name), and not \(spec.rawValue)")
        }
        return ReachedKey(signer: try signer(name, key, purposes), ref: name.reference, isNew: key.isNew)
    }

    package func generate(
        _ spec: KeySpec, label: String, for purposes: SigningPurposes
    ) async throws(SignerError) -> (signer: any Signer, ref: String) {
        let key = try await obtain(spec, at: label, for: purposes)
        guard key.isNew else { throw .permission("the signer has a key \(label) already") }
        return (key.signer, key.ref)
    }

    package func examine(_ ref: String) async throws(SignerError) -> Bool {
        do throws(SignerError) {
            _ = try await describe(Self.name(ref))
            return true
        } catch .keyNotFound {
            return false
        } catch {
            throw error
        }
    }

    package func neighbour(of ref: String, named name: String) throws(SignerError) -> String? {
        try Self.name(SignerKeyName.scheme + name).reference
    }

    /// The signer removes keys of responders and no others: those of authorities are its operator's.
    package func discard(_ ref: String, isOwn: Bool) async throws(SignerError) {
        guard case .key = try await ask(.remove(Self.name(ref))) else { throw Self.unexpected }
    }

    private func describe(_ name: SignerKeyName) async throws(SignerError) -> DescribedKey {
        guard case .key(let key) = try await ask(.describe(name)) else { throw Self.unexpected }
        return key
    }

    /// A key that is for less than it is wanted for is for that; one that is for nothing of it is refused now.
    private func signer(
        _ name: SignerKeyName, _ key: DescribedKey, _ purposes: SigningPurposes
    ) throws(SignerError) -> ProcessKey {
        let allowed = purposes.intersection(key.purposes)
        guard !allowed.isEmpty else {
            throw .permission(
                "the signer lets the key \(name.reference) sign \(key.purposes.names.joined(separator: ", ")) and nothing else"
            )
        }
        return ProcessKey(name: name, publicKey: key.publicKey, purposes: allowed, driver: self)
    }

    func ask(_ request: SignerRequest, within deadline: Duration? = nil) async throws(SignerError) -> SignerReply {
        guard let connections else {
            throw .unsupported("no signer is configured; set CERTCTL_SIGNER_SOCKET to the path of its socket")
        }
        let limit = deadline ?? timeout
        return try await executor.run(within: limit) { () throws(SignerError) in
            do throws(SignerFault) { return try connections.ask(request, within: limit) } catch {
                throw error.signerError
            }
        }
    }

    static let unexpected = SignerError.unsupported("the signer answered another question than it was asked")

    private static func name(_ ref: String) throws(SignerError) -> SignerKeyName {
        do throws(SignerKeyNameProblem) {
            return try SignerKeyName(reference: ref)
        } catch {
            throw .unsupported("the reference \(ref) \(error)")
        }
    }
}

/// Signs with a key that never leaves its process. Its public key was asked for when it was loaded.
final class ProcessKey: Signer {
    let publicKey: SubjectPublicKey
    let purposes: SigningPurposes
    let isExternal = true
    private let name: SignerKeyName
    private let driver: ProcessKeyDriver

    init(name: SignerKeyName, publicKey: SubjectPublicKey, purposes: SigningPurposes, driver: ProcessKeyDriver) {
        self.name = name
        self.publicKey = publicKey
        self.purposes = purposes
        self.driver = driver
    }

    func signature(for order: SigningOrder) async throws(SignerError) -> [UInt8] {
        guard order.message.count <= SignerFrame.longestMessage else {
            throw .unsupported(
                "what is to be signed has \(order.message.count) octets; a signer takes \(SignerFrame.longestMessage)")
        }
        let reply = try await driver.ask(
            .sign(name, purpose: order.purpose, algorithm: order.algorithm, message: order.message))
        guard case .signature(let signature) = reply else { throw ProcessKeyDriver.unexpected }
        return signature
    }
}
