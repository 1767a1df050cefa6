import Domain

/// The validated configuration of the control plane.
package struct ServerConfiguration: Configuration {
    package static let program = Program.server

    package let listener: ListenerConfiguration
    package let tls: ServerTLSConfiguration
    package let database: DatabaseConfiguration
    package let logging: LoggingConfiguration
    package let secrets: ServerSecrets
    package let access: AccessConfiguration
    package let signIn: SignInConfiguration
    package let rateLimit: RateLimitConfiguration
    package let schedule: ScheduleConfiguration
    package let deployment: DeploymentDefaults
    package let audit: AuditConfiguration
    package let egress: EgressConfiguration
    package let demo: DemoConfiguration
    package let pki: PKIConfiguration
    package let acme: ACMEConfiguration
    /// Whether the program has all rights of its host.
    package let runsAsRoot: Bool
    /// Certificate and key of a subordinate CA; `nil` lets the server create a root.
    package let subordinateCA: KeyPairPaths?
    /// Absolute or relative to the working directory; created with mode 0700.
    package let dataDirectory: String
    /// Time between readiness turning red and the listener closing.
    package let drainDelay: Duration
    /// Time that a shutdown may take in all.
    package let shutdownBudget: Duration
    package let idempotencyTTL: Duration
    package let eventsRetention: Duration

    package init(reading reader: inout SettingReader) { self.init(reading: &reader, opensSecrets: true) }

    /// - `opensSecrets`: Whether the program needs the key of what is sealed in the database.
    fileprivate init(reading reader: inout SettingReader, opensSecrets: Bool) {
        _ = reader.read(ServerSettings.configFile)
        _ = reader.read(ServerSettings.strictEnvironment)
        runsAsRoot = Self.checkUser(&reader)
        demo = DemoConfiguration(reading: &reader)
        let dataDirectory = DataDirectory.resolve(ServerSettings.dataDirectory, &reader)
        self.dataDirectory = dataDirectory
        listener = ListenerConfiguration(reading: &reader)
        pki = PKIConfiguration(reading: &reader, listener: listener)
        acme = ACMEConfiguration(reading: &reader)
        tls = ServerTLSConfiguration(reading: &reader)
        database = DatabaseConfiguration(reading: &reader, dataDirectory: dataDirectory)
        logging = LoggingConfiguration(
            thresholds: reader.read(ServerSettings.logLevel),
            format: reader.read(ServerSettings.logFormat)
        )
        secrets = ServerSecrets(
            reading: &reader, needsKey: opensSecrets && database.isShared,
            isDemonstration: demo.acknowledgedUntil != nil)
        access = AccessConfiguration(reading: &reader, isDemonstration: demo.acknowledgedUntil != nil)
        signIn = SignInConfiguration(reading: &reader)
        rateLimit = RateLimitConfiguration(reading: &reader)
        schedule = ScheduleConfiguration(reading: &reader)
        deployment = DeploymentDefaults(reading: &reader)
        egress = EgressConfiguration(reading: &reader)
        audit = AuditConfiguration(
            reading: &reader, dataDirectory: dataDirectory, isSharedDatabase: database.isShared, egress: egress)
        subordinateCA = KeyPairPaths(
            certificate: ServerSettings.caCertificatePath,
            key: ServerSettings.caKeyPath,
            absolute: true,
            reading: &reader
        )
        let inKubernetes = reader.host.environment["KUBERNETES_SERVICE_HOST"].map { !$0.isEmpty } ?? false
        let delay = reader.read(ServerSettings.drainDelay) ?? (inKubernetes ? .seconds(5) : .zero)
        reader.derive(ServerSettings.drainDelay, DurationText.text(delay))
        drainDelay = delay
        let budget = reader.read(ServerSettings.shutdownBudget)
        shutdownBudget = .seconds(budget > 0 ? budget : 30)
        idempotencyTTL = reader.read(ServerSettings.idempotencyTTL)
        eventsRetention = reader.read(ServerSettings.eventsRetention)
    }
}

/// The settings of the server for a program that looks at the schema alone and opens nothing that is sealed.
package struct SchemaConfiguration: Configuration {
    package static let program = Program.server

    package let database: DatabaseConfiguration

    package init(reading reader: inout SettingReader) {
        database = ServerConfiguration(reading: &reader, opensSecrets: false).database
    }
}

/// What the HTTPS listener accepts.
package struct ListenerConfiguration: Sendable {
    package let host: String
    package let port: Int
    /// Where clients reach the server, as given or derived from host and port.
    package let publicURL: ServerURL
    /// Whether the operator named the public URL.
    package let isPublicURLGiven: Bool
    /// Octets.
    package let maxBodySize: Int
    package let readTimeout: Duration
    package let readHeaderTimeout: Duration
    package let writeTimeout: Duration
    package let idleTimeout: Duration
    package let maxConnections: Int
    package let corsOrigins: [String]
    /// Addresses and CIDR ranges, in their textual form.
    package let trustedProxies: [String]

    init(reading reader: inout SettingReader) {
        host = reader.read(ServerSettings.host)
        port = reader.read(ServerSettings.port)
        maxBodySize = reader.read(ServerSettings.maxBodySize)
        readTimeout = reader.read(ServerSettings.readTimeout)
        readHeaderTimeout = reader.read(ServerSettings.readHeaderTimeout)
        writeTimeout = reader.read(ServerSettings.writeTimeout)
        idleTimeout = reader.read(ServerSettings.idleTimeout)
        maxConnections = reader.read(ServerSettings.maxConnections)
        corsOrigins = reader.read(ServerSettings.corsOrigins)
        trustedProxies = reader.read(ServerSettings.trustedProxies)
        let given = reader.read(ServerSettings.publicURL)
        publicURL = given ?? Self.derivedURL(host: host, port: port)
        isPublicURLGiven = given != nil
        reader.derive(ServerSettings.publicURL, publicURL.text)
    }

    private static func derivedURL(host: String, port: Int) -> ServerURL {
        let reachable = host == "0.0.0.0" || host == "::" || AddressForm.isLoopback(host) ? "localhost" : host
        let authority = reachable.contains(":") ? "[\(reachable)]" : reachable
        return ServerURL("https://\(authority):\(port)") ?? ServerURL.localhost
    }
}

extension ServerURL {
    /// Where a server without configuration listens.
    package static let localhost = ServerURL(text: "https://localhost:8443", host: "localhost", port: 8443)

    private init(text: String, host: String, port: Int) {
        self.text = text
        self.host = host
        self.port = port
    }
}

/// Where the listener's certificate comes from.
package struct ServerTLSConfiguration: Sendable {
    package enum Material: Sendable {
        /// Generated and renewed in the data directory, or sealed in the database when that is shared.
        case generated
        case files(KeyPairPaths)
    }

    package let material: Material
    /// Names asked for in the generated certificate; empty means the derived ones.
    package let subjectAltNames: [String]
    /// Zero means: on SIGHUP only.
    package let reloadInterval: Duration

    init(reading reader: inout SettingReader) {
        let pair = KeyPairPaths(
            certificate: ServerSettings.tlsCertificatePath,
            key: ServerSettings.tlsKeyPath,
            absolute: false,
            reading: &reader
        )
        let mode = reader.read(ServerSettings.tlsMode)
        switch (mode, pair) {
        case (.auto, .some):
            reader.reject(
                ServerSettings.tlsMode,
                because: "auto generates a certificate, but certificate and key files are given; "
                    + "set it to files or unset CERTCTL_SERVER_TLS_CERT_PATH and CERTCTL_SERVER_TLS_KEY_PATH"
            )
            material = .generated
        case (.files, nil):
            reader.reject(
                ServerSettings.tlsMode,
                because: "files needs CERTCTL_SERVER_TLS_CERT_PATH and CERTCTL_SERVER_TLS_KEY_PATH"
            )
            material = .generated
        case (_, .some(let paths)): material = .files(paths)
        case (_, nil): material = .generated
        }
        reader.derive(ServerSettings.tlsMode, pair == nil ? "auto" : "files")
        subjectAltNames = reader.read(ServerSettings.tlsNames)
        reloadInterval = reader.read(ServerSettings.tlsReloadInterval)
    }
}

/// A certificate file and the file of its private key; neither is of use alone.
package struct KeyPairPaths: Hashable, Sendable {
    package let certificate: String
    package let key: String

    init?(
        certificate: Setting<String?>,
        key: Setting<String?>,
        absolute: Bool,
        reading reader: inout SettingReader
    ) {
        let paths = (reader.read(certificate), reader.read(key))
        for (setting, path) in [(certificate, paths.0), (key, paths.1)] where absolute {
            if let path, !path.hasPrefix("/") { reader.reject(setting, because: "\"\(path)\" is not an absolute path") }
        }
        switch paths {
        case (.some(let certificatePath), .some(let keyPath)):
            self.certificate = certificatePath
            self.key = keyPath
        case (.some, nil):
            reader.reject(key, because: "must be set together with \(certificate.declaration.environmentName)")
            return nil
        case (nil, .some):
            reader.reject(certificate, because: "must be set together with \(key.declaration.environmentName)")
            return nil
        case (nil, nil): return nil
        }
    }
}

/// The default of `data_dir` (specification, operations §3.6).
enum DataDirectory {
    static func resolve(_ setting: Setting<String?>, _ reader: inout SettingReader) -> String {
        if let given = reader.read(setting) { return given }
        guard let path = fallback(reader.host) else {
            reader.reject(setting, because: "must be set, because HOME is not set and the user is not root")
            return "."
        }
        reader.derive(setting, path)
        return path
    }

    /// systemd names the directory it made; root has the system's; users have their own.
    static func fallback(_ host: SettingHost) -> String? {
        if let managed = host.environment["STATE_DIRECTORY"]?.split(separator: ":").first { return String(managed) }
        if host.effectiveUserID == 0 { return "/var/lib/certctl" }
        return UserDirectories(host.environment).data
    }
}
