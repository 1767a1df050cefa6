import Domain

/// Settings of the control plane: listener, TLS, process (specification, operations §4.1, §4.2).
package enum ServerSettings {
    package static let host = Setting<String>(
        "server.host",
        .bindAddress,
        fallback: "127.0.0.1",
        help: "Address that the HTTPS listener binds to. 0.0.0.0 or :: accepts connections from other hosts."
    )
    package static let port = Setting<Int>(
        "server.port",
        .int.within(1...65_535),
        fallback: 8443,
        help: "TCP port of the HTTPS listener."
    )
    package static let publicURL = Setting<ServerURL?>(
        "server.public_url",
        .serverURL,
        derived: "https://localhost and the port, or the bind address when it is not a wildcard",
        help: "Base URL by which clients reach the server; used in links and as a name of the generated certificate."
    )
    package static let maxBodySize = Setting<Int>(
        "max_body_size",
        .size.within(1024...(1 << 30)),
        fallback: 1_048_576,
        reload: .hot,
        help: "Largest accepted request body; larger ones are answered 413."
    )
    package static let readTimeout = Setting<Duration>(
        "server.read_timeout",
        .duration.within(.seconds(1) ... .hours(1)),
        fallback: .seconds(30),
        help: "Time a client may take to send a whole request."
    )
    package static let readHeaderTimeout = Setting<Duration>(
        "server.read_header_timeout",
        .duration.within(.milliseconds(100) ... .minutes(10)),
        fallback: .seconds(5),
        help: "Time a client may take to send the header fields of a request."
    )
    package static let writeTimeout = Setting<Duration>(
        "server.write_timeout",
        .duration.within(.seconds(1) ... .hours(1)),
        fallback: .seconds(120),
        help: "Time a response may take, issuance by the CA included."
    )
    package static let idleTimeout = Setting<Duration>(
        "server.idle_timeout",
        .duration.within(.seconds(1) ... .hours(1)),
        fallback: .seconds(60),
        help: "Time a connection may stay open without a request."
    )
    package static let maxConnections = Setting<Int>(
        "server.max_connections",
        .int.within(1...1_000_000),
        fallback: 10_000,
        help: "Open connections at once; further ones wait in the accept queue."
    )
    package static let corsOrigins = Setting<[String]>(
        "cors.origins",
        .origins,
        fallback: [],
        derived: "empty: same origin only",
        reload: .hot,
        help: "Web origins that may call the API from a browser."
    )
    package static let trustedProxies = Setting<[String]>(
        "trusted_proxies",
        .addressRanges,
        fallback: [],
        derived: "empty: X-Forwarded-For is ignored",
        reload: .hot,
        help: "Proxies whose X-Forwarded-For decides which client address is audited and rate limited."
    )
    package static let drainDelay = Setting<Duration?>(
        "shutdown.drain_delay",
        .duration.within(.zero ... .minutes(5)),
        derived: "0s, or 5s in Kubernetes",
        help: "Time between readiness turning red and the listener closing."
    )
    package static let shutdownBudget = Setting<Int>(
        "audit.flush_timeout_seconds",
        .int.within(-1...3600),
        fallback: 30,
        help: "Seconds that a shutdown may take in all; 0 or less means 30."
    )
    package static let dataDirectory = Setting<String?>(
        "data_dir",
        .path,
        derived: "/var/lib/certctl for root and systemd, else ~/.local/share/certctl",
        help: "Directory for database, generated keys and TLS material; created with mode 0700."
    )
    package static let configFile = Setting<String?>(
        "config_file",
        .path,
        derived: "the first of ~/.config/certctl/config.toml and /etc/certctl/certctl.toml that exists",
        names: SettingNames(flagAliases: ["config"], inFile: false),
        help: "TOML file with settings."
    )
    package static let strictEnvironment = Setting<Bool>(
        "strict_env",
        .bool,
        fallback: false,
        help: "Refuse to start when the environment holds an unknown CERTCTL_ variable, instead of warning."
    )
    package static let tlsCertificatePath = Setting<String?>(
        "server.tls.cert_path",
        .path,
        help: "PEM file with the certificate chain of the HTTPS listener, leaf first. Needs the key path too."
    )
    package static let tlsKeyPath = Setting<String?>(
        "server.tls.key_path",
        .path,
        help: "PEM file with the private key of the HTTPS listener."
    )
    package static let tlsMode = Setting<ServerTLSMode?>(
        "server.tls.mode",
        .choice,
        derived: "files when the paths are set, else auto",
        help: "auto: certctl generates and renews its own certificate. files: it is supplied."
    )
    package static let tlsNames = Setting<[String]>(
        "server.tls.sans",
        .hostNames,
        fallback: [],
        derived: "host name, localhost, 127.0.0.1, ::1 and the host of the public URL",
        help: "Names and addresses in the generated certificate."
    )
    package static let tlsReloadInterval = Setting<Duration>(
        "server.tls.reload_interval",
        .duration.within(.zero ... .hours(24)),
        fallback: .seconds(30),
        reload: .hot,
        help: "How often supplied TLS files are checked for new content; 0 means on SIGHUP only."
    )

    /// Every setting of the server.
    package static let all: [SettingDeclaration] =
        [
            host.declaration, port.declaration, publicURL.declaration, maxBodySize.declaration, readTimeout.declaration,
            readHeaderTimeout.declaration, writeTimeout.declaration, idleTimeout.declaration,
            maxConnections.declaration,
            corsOrigins.declaration, trustedProxies.declaration, drainDelay.declaration, shutdownBudget.declaration,
            dataDirectory.declaration, configFile.declaration, strictEnvironment.declaration,
            tlsCertificatePath.declaration, tlsKeyPath.declaration, tlsMode.declaration, tlsNames.declaration,
            tlsReloadInterval.declaration,
        ] + databaseSettings + operationSettings + accessSettings + signInSettings + lifecycleSettings + auditSettings
        + egressSettings + guardSettings + pkiSettings + acmeSettings
}
