package import Domain

/// What relying parties meet: the listener in the clear, the addresses in certificates, OCSP (protocol-servers §1, §5).
extension ServerSettings {
    package static let pkiListen = Setting<ListenAddress?>(
        "pki.http_listen",
        .listenAddress,
        derived: "off",
        help:
            "Address and port of a plain-HTTP listener that serves /.well-known/pki/ and nothing else: revocation lists, "
            + "OCSP, CA certificates."
    )
    package static let pkiPublicURL = Setting<RelyingPartyURL?>(
        "pki.public_url",
        .relyingPartyURL,
        derived: "http, the host of the public URL and the port of CERTCTL_PKI_HTTP_LISTEN when both are set",
        help:
            "Origin of the revocation and CA addresses in issued certificates. Without it only addresses of the issuer's own "
            + "configuration are written."
    )
    package static let crlGenerationInterval = Setting<Duration>(
        "crl.generation_interval",
        .duration.within(.seconds(1) ... .days(7)),
        fallback: .hours(1),
        reload: .hot,
        help: "How often the revocation lists are made anew although nothing was revoked."
    )
    package static let crlValidity = Setting<Duration>(
        "crl.validity",
        .duration.within(.seconds(10) ... .days(365)),
        fallback: .hours(24),
        reload: .hot,
        help: "How long a revocation list is good, from its making to its next update."
    )
    package static let ocspKeyDirectory = Setting<String?>(
        "ocsp.responder_key_dir",
        .path,
        derived: "none: keys are sealed in the database",
        help: "Directory for the keys of OCSP responders; created with mode 0700. Replicas must share it."
    )
    package static let ocspKeysWithCA = Setting<Bool>(
        "ocsp.responder_keys_with_ca",
        .bool,
        fallback: false,
        reload: .hot,
        help:
            "Make the key of an OCSP responder where the key of its CA is, when that is a token or a signing process. "
            + "A change takes effect with the next look of the leader."
    )
    package static let ocspResponderValidity = Setting<Duration>(
        "ocsp.responder_validity",
        .duration.within(.hours(1) ... .days(90)),
        fallback: .days(30),
        reload: .hot,
        help: "Life time of the certificate of an OCSP responder. Nobody can revoke it."
    )
    package static let ocspRotationGrace = Setting<Duration>(
        "ocsp.responder_rotation_grace",
        .duration.within(.minutes(1) ... .days(60)),
        fallback: .days(7),
        reload: .hot,
        help: "How long before its end the certificate of an OCSP responder is replaced."
    )
    package static let ocspResponseValidity = Setting<Duration>(
        "ocsp.response_validity",
        .duration.within(.minutes(1) ... .days(7)),
        fallback: .hours(4),
        reload: .hot,
        help: "How long an OCSP answer may be relied on. It is signed anew at half of that."
    )
    package static let ocspRateLimit = Setting<Int>(
        "ocsp.rate_limit_per_ip_min",
        .int.within(0...1_000_000),
        fallback: 1000,
        reload: .hot,
        help: "OCSP requests of a client address in a minute; further ones are answered tryLater. 0: no limit."
    )

    package static let pkcs11Module = Setting<String?>(
        "pkcs11.module",
        .path,
        derived: "none",
        help:
            "Absolute path of the PKCS#11 module (shared library) of the token that holds CA keys. It becomes part of the server."
    )
    package static let pkcs11PIN = Setting<Secret?>(
        "pkcs11.pin",
        .secret,
        reload: .hot,
        help:
            "PIN of the token's user. Give it as a file: CERTCTL_PKCS11_PIN_FILE. One that was refused is tried again only when it changed."
    )
    package static let pkcs11Sessions = Setting<Int>(
        "pkcs11.sessions",
        .int.within(1...64),
        fallback: 4,
        help: "How many calls go to the PKCS#11 module at once, each with a thread and a session of its own."
    )
    package static let pkcs11Timeout = Setting<Duration>(
        "pkcs11.timeout",
        .duration.within(.milliseconds(100) ... .minutes(5)),
        fallback: .seconds(10),
        help:
            "How long a signature by the token may take before it counts as failed; making a key may take six times that."
    )

    package static let signerSocket = Setting<String?>(
        "signer.socket",
        .path,
        derived: "none",
        help: "Absolute path of the socket of the signing process that holds CA keys: certctl signer serve."
    )
    package static let signerUser = Setting<String?>(
        "signer.user",
        .string,
        derived: "root, or the owner of the folder of the socket",
        help: "User that the signing process must run as, by name or number. Whoever else listens there is refused."
    )
    package static let signerConnections = Setting<Int>(
        "signer.connections",
        .int.within(1...64),
        fallback: 4,
        help: "How many calls go to the signing process at once, each with a thread and a connection of its own."
    )
    package static let signerTimeout = Setting<Duration>(
        "signer.timeout",
        .duration.within(.milliseconds(100) ... .minutes(5)),
        fallback: .seconds(10),
        help:
            "How long a signature by the signing process may take before it counts as failed; making a key may take six times that."
    )

    package static let caKeyDirectory = Setting<String?>(
        "ca.key_directory",
        .path,
        derived: "none: no issuer may name a key file by key_ref, and ca_key_path may be anywhere",
        help:
            "Directory that key files of CAs must be in, links resolved; created with mode 0700. Servers that share a database must share it."
    )
    package static let caKeyPassphrase = Setting<Secret?>(
        "ca.key_passphrase",
        .secret,
        reload: .hot,
        help:
            "Opens encrypted key files of CAs, and encrypts those that are made, where the issuer has no key_passphrase. Give it as a file: CERTCTL_CA_KEY_PASSPHRASE_FILE."
    )
    package static let caSignaturesPerMinute = Setting<Int>(
        "ca.max_signatures_per_minute",
        .int.within(0...1_000_000),
        fallback: 0,
        help:
            "Certificates that the key of a CA may sign in any sixty seconds, by each server; further orders wait. Revocation lists are outside of it. 0: no limit."
    )
    package static let caLints = Setting<LintSeverities>(
        "ca.lints",
        .lintSeverities,
        fallback: LintSeverities(),
        help:
            "Lints of another severity than the usual: error keeps a certificate from being signed, warning is kept with it, off is not looked for. certctl crypto lints lists them."
    )

    package static let algorithmDenyList = Setting<AlgorithmPolicy>(
        "algorithm.deny_list",
        .algorithmPolicy,
        fallback: AlgorithmPolicy(),
        help:
            "Kinds of key that get no certificate, and neither they nor digests named here sign anything new: no certificate, no CA, no OCSP responder. Revocation lists and OCSP go on. RSA is RSA of every size, RSA-3072 that size and less."
    )

    package static let weakKeyFiles = Setting<[String]>(
        "weak_keys.files",
        .list,
        fallback: [],
        reload: .hot,
        help:
            "Files of fingerprints of RSA keys that anybody can make, in the form of Debian's openssl-blacklist (CVE-2008-0166). Such keys are refused wherever one comes in. SIGHUP reads the files again."
    )

    static let pkiSettings: [SettingDeclaration] = [
        pkiListen.declaration, pkiPublicURL.declaration, crlGenerationInterval.declaration, crlValidity.declaration,
        ocspKeyDirectory.declaration,
        ocspKeysWithCA.declaration,
        ocspResponderValidity.declaration, ocspRotationGrace.declaration, ocspResponseValidity.declaration,
        ocspRateLimit.declaration,
        pkcs11Module.declaration, pkcs11PIN.declaration, pkcs11Sessions.declaration, pkcs11Timeout.declaration,
        signerSocket.declaration, signerUser.declaration, signerConnections.declaration, signerTimeout.declaration,
        caKeyDirectory.declaration, caKeyPassphrase.declaration, caSignaturesPerMinute.declaration,
        caLints.declaration, algorithmDenyList.declaration, weakKeyFiles.declaration,
    ]
}

/// What relying parties meet.
package struct PKIConfiguration: Sendable {
    /// `nil`: nothing is served in the clear.
    package let listen: ListenAddress?
    /// The origin of addresses in certificates, without a trailing slash.
    package let publicURL: String?
    package let crlGenerationInterval: Duration
    package let crlValidity: Duration
    /// `nil`: in the database.
    package let ocspKeyDirectory: String?
    /// Whether a token or a signing process that holds the key of a CA holds that of its responder.
    package let ocspKeysWithCA: Bool
    package let ocspResponderValidity: Duration
    package let ocspRotationGrace: Duration
    package let ocspResponseValidity: Duration
    /// Requests of an address in a minute; 0 for no limit.
    package let ocspRateLimit: Int
    /// `nil`: no key is in a token.
    package let pkcs11Module: String?
    package let pkcs11PIN: Secret?
    package let pkcs11Sessions: Int
    package let pkcs11Timeout: Duration
    /// `nil`: no key is in a signing process.
    package let signerSocket: String?
    /// A name or a number.
    package let signerUser: String?
    package let signerConnections: Int
    package let signerTimeout: Duration
    /// `nil`: keys are not kept in files, and supplied ones may be anywhere.
    package let caKeyDirectory: String?
    package let caKeyPassphrase: Secret?
    /// Of one key; 0 for no limit.
    package let caSignaturesPerMinute: Int
    package let lints: LintSeverities
    package let algorithms: AlgorithmPolicy
    /// Absolute paths.
    package let weakKeyFiles: [String]

    init(reading reader: inout SettingReader, listener: ListenerConfiguration) {
        let listen = reader.read(ServerSettings.pkiListen)
        self.listen = listen
        let given = reader.read(ServerSettings.pkiPublicURL)
        let derived = listen.flatMap { listener.isPublicURLGiven ? Self.url(listener.publicURL.host, $0.port) : nil }
        publicURL = given?.text ?? derived
        if let publicURL { reader.derive(ServerSettings.pkiPublicURL, publicURL) }
        crlGenerationInterval = reader.read(ServerSettings.crlGenerationInterval)
        crlValidity = reader.read(ServerSettings.crlValidity)
        if crlValidity < crlGenerationInterval + crlGenerationInterval {
            reader.reject(
                ServerSettings.crlValidity,
                because: "is less than twice CERTCTL_CRL_GENERATION_INTERVAL: a list could end before the next is there"
            )
        }
        ocspKeyDirectory = reader.read(ServerSettings.ocspKeyDirectory)
        ocspKeysWithCA = reader.read(ServerSettings.ocspKeysWithCA)
        ocspResponderValidity = reader.read(ServerSettings.ocspResponderValidity)
        ocspRotationGrace = reader.read(ServerSettings.ocspRotationGrace)
        ocspResponseValidity = reader.read(ServerSettings.ocspResponseValidity)
        ocspRateLimit = reader.read(ServerSettings.ocspRateLimit)
        pkcs11Module = reader.read(ServerSettings.pkcs11Module)
        pkcs11PIN = reader.read(ServerSettings.pkcs11PIN)
        pkcs11Sessions = reader.read(ServerSettings.pkcs11Sessions)
        pkcs11Timeout = reader.read(ServerSettings.pkcs11Timeout)
        signerSocket = reader.read(ServerSettings.signerSocket)
        signerUser = reader.read(ServerSettings.signerUser)
        signerConnections = reader.read(ServerSettings.signerConnections)
        signerTimeout = reader.read(ServerSettings.signerTimeout)
        caKeyDirectory = reader.read(ServerSettings.caKeyDirectory)
        caKeyPassphrase = reader.read(ServerSettings.caKeyPassphrase)
        caSignaturesPerMinute = reader.read(ServerSettings.caSignaturesPerMinute)
        lints = reader.read(ServerSettings.caLints)
        algorithms = reader.read(ServerSettings.algorithmDenyList)
        weakKeyFiles = reader.read(ServerSettings.weakKeyFiles)
        for path in weakKeyFiles where !path.hasPrefix("/") {
            reader.reject(ServerSettings.weakKeyFiles, because: "\"\(path)\" is not an absolute path")
        }
        if !algorithms.leavesSigner {
            reader.reject(
                ServerSettings.algorithmDenyList,
                because: "leaves no kind of key that signs: OCSP could not be answered, and no CA be made")
        }
        if let caKeyDirectory, let problem = Self.problem(ofDirectory: caKeyDirectory) {
            reader.reject(ServerSettings.caKeyDirectory, because: "\"\(caKeyDirectory)\" \(problem)")
        }
        // 107 octets are what the address of a Unix socket has room for.
        if let signerSocket, !signerSocket.hasPrefix("/") || signerSocket.utf8.count > 107 {
            reader.reject(
                ServerSettings.signerSocket,
                because: "\"\(signerSocket)\" is not an absolute path of at most 107 octets")
        }
        // A bare name would be looked for in the library path, where somebody else may have put one.
        if let pkcs11Module, !pkcs11Module.hasPrefix("/") {
            reader.reject(ServerSettings.pkcs11Module, because: "\"\(pkcs11Module)\" is not an absolute path")
        }
        if ocspRotationGrace >= ocspResponderValidity {
            reader.reject(
                ServerSettings.ocspRotationGrace, because: "is not less than CERTCTL_OCSP_RESPONDER_VALIDITY")
        }
        if ocspResponseValidity > ocspRotationGrace {
            reader.reject(
                ServerSettings.ocspResponseValidity,
                because: "is more than CERTCTL_OCSP_RESPONDER_ROTATION_GRACE: answers would outlive their responder")
        }
        if let listen, listen.port == listener.port {
            reader.reject(ServerSettings.pkiListen, because: "names the port of the HTTPS listener")
        }
    }

    /// Paths below it are compared with it as text before anything is resolved.
    private static func problem(ofDirectory path: String) -> String? {
        let steps = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        let isClean = path.hasPrefix("/") && steps.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
        return isClean ? nil : "is not an absolute path without a slash at its end, empty steps, \".\" and \"..\""
    }

    private static func url(_ host: String, _ port: Int) -> String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == 80 ? "http://\(name)" : "http://\(name):\(port)"
    }
}
