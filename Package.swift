// swift-tools-version:6.2
import PackageDescription

/// Settings of every target of ours. `docs/dependencies.md` gives the reason for each package below.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP2 = Target.Dependency.product(name: "NIOHTTPTypesHTTP2", package: "swift-nio-extras")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let toml = Target.Dependency.product(name: "TOMLKit", package: "TOMLKit")

/// One of our library targets under `Sources/<name>`.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// The tests of one target, or a suite across targets, under `Tests/<name>`.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: strict)
}

let package = Package(
    name: "certctl",
    products: [
        .executable(name: "certctl", targets: ["certctl"]),
        .executable(name: "certctl-agent", targets: ["certctl-agent"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // System libraries and embedded files.
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
        .target(name: "CAssets"),
        .target(name: "CPKCS11"),

        // Pure values and decisions.
        module("Encoding"),
        module("Domain"),
        module("Telemetry", ["Encoding", "Domain", logging]),

        // Threads for calls that block.
        module("Threads"),

        // Storage.
        module("Query", ["Domain"]),
        module("SQLiteDriver", ["Domain", "Query", grdb, grdbSQLite]),
        module("PostgresDriver", ["Domain", "Query", "Threads", "CLibPQ"]),
        module("Sealing", ["Encoding", "Domain", "Threads", "CArgon2", crypto, cryptoExtras]),
        module("AuditProof", ["Encoding", "Domain", crypto]),
        module("Store", ["Encoding", "Domain", "Query", "AuditProof", "CAssets", crypto, logging]),
        module("MigrationLint", ["Encoding"]),

        // Certificates.
        module("PKI", ["Encoding", "Domain", crypto, cryptoExtras]),
        module("EmbeddedCA", ["Domain", "PKI", "Threads"]),
        module("PKCS11", ["Domain", "PKI", "EmbeddedCA", "Threads", "CPKCS11"]),

        // The host and the network.
        module("Settings", ["Encoding", "Domain", toml]),
        module("HostEffects", ["Domain", "Threads"]),
        module("ExternalSigner", ["Encoding", "Domain", "PKI", "EmbeddedCA", "Threads", "HostEffects"]),
        module("Outbound", ["Encoding", "Domain", "PKI", httpClient, nio, nioHTTP1, nioPosix, nioSSL, nioTLS]),
        module("ChallengeValidation", ["Encoding", "Domain", "PKI", "Outbound", crypto]),

        // Connectors.
        module("Deployment", ["Encoding", "Domain", "PKI", "HostEffects", "Outbound", crypto]),
        module("ConnectorKit", ["Encoding", "Domain", "PKI", "Deployment"]),
        module("IssuerConnectors", ["Encoding", "Domain", "PKI", "EmbeddedCA", "ConnectorKit"]),
        module("TargetConnectors", ["Encoding", "Domain", "PKI", "HostEffects", "Deployment", "ConnectorKit"]),

        // The control plane.
        module("Access", ["Encoding", "Domain", "Query", "Sealing", "Store", crypto]),
        module(
            "Lifecycle",
            [
                "Encoding", "Domain", "Query", "Sealing", "Store", "AuditProof", "PKI", "EmbeddedCA", "ConnectorKit",
                "IssuerConnectors", crypto, logging,
            ]),
        module("APIContract", ["Encoding", "Domain"]),
        module(
            "HTTPServing",
            [
                "Encoding", "Domain", "Telemetry", "Access", "APIContract", crypto, httpTypes, lifecycle, logging, nio,
                nioHTTP1, nioHTTP2, nioHTTPTypes, nioHTTPTypesHTTP2, nioPosix, nioSSL, nioTLS,
            ]),
        module(
            "ControlAPI",
            [
                "Encoding", "Domain", "Telemetry", "Query", "Sealing", "Store", "AuditProof", "PKI", "ConnectorKit",
                "IssuerConnectors", "TargetConnectors", "Access", "Lifecycle", "APIContract", "HTTPServing", crypto,
                httpTypes,
            ]),
        module(
            "ServerRuntime",
            [
                "CAssets", "Encoding", "Domain", "Telemetry", "Query", "SQLiteDriver", "PostgresDriver", "Sealing",
                "Store", "PKI", "EmbeddedCA", "PKCS11", "ExternalSigner", "Settings", "HostEffects", "Outbound",
                "ChallengeValidation", "ConnectorKit",
                "IssuerConnectors", "TargetConnectors", "Access", "Lifecycle", "APIContract", "HTTPServing",
                "ControlAPI", crypto, lifecycle, logging, nioPosix,
                unixSignals,
            ]),

        // Programs.
        module(
            "AgentRuntime",
            [
                "Encoding", "Domain", "Telemetry", "PKI", "Settings", "HostEffects", "Outbound", "Deployment",
                "ChallengeValidation", "ConnectorKit", "TargetConnectors", "APIContract", lifecycle, logging,
                unixSignals,
            ]),
        module(
            "OperatorCLI",
            [
                "Encoding", "Domain", "AuditProof", "PKI", "Settings", "HostEffects", "Outbound", "APIContract",
                argumentParser,
            ]),
        module(
            "LocalCLI", ["Encoding", "Domain", "MigrationLint", "Settings", "ServerRuntime", argumentParser, crypto]),
        .executableTarget(
            name: "certctl",
            dependencies: ["Domain", "AgentRuntime", "OperatorCLI", "LocalCLI", argumentParser],
            swiftSettings: strict
        ),
        .executableTarget(name: "certctl-agent", dependencies: ["AgentRuntime"], swiftSettings: strict),

        // Tests.
        .target(
            name: "TestSupport",
            path: "Tests/TestSupport",
            swiftSettings: strict
        ),
        .target(
            name: "DatabaseTestSupport",
            dependencies: ["Domain", "Query", "SQLiteDriver", "PostgresDriver", "Store", "TestSupport", logging],
            path: "Tests/DatabaseTestSupport",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "csr-pool",
            dependencies: ["Encoding", "Domain", "PKI"],
            path: "Benchmarks/CSRPool",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "acme-orders",
            dependencies: ["Encoding", "PKI", crypto, httpClient, nio, nioHTTP1, nioPosix, nioSSL],
            path: "Benchmarks/ACMEOrders",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "audit-throughput",
            dependencies: [
                "Domain", "Encoding", "Query", "SQLiteDriver", "PostgresDriver", "Sealing", "Store", "Lifecycle",
                logging,
            ],
            path: "Benchmarks/AuditThroughput",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "MigrationCrash",
            dependencies: ["Domain", "Query", "SQLiteDriver", "PostgresDriver", "Store", logging],
            path: "Tests/MigrationCrash",
            swiftSettings: strict
        ),
        tests("HouseTests", ["Domain"]),
        tests("EncodingTests", ["Encoding"]),
        tests("DomainTests", ["Domain"]),
        tests("AuditProofTests", ["Encoding", "Domain", "AuditProof", crypto]),
        tests("TelemetryTests", ["Telemetry", "Domain"]),
        tests("QueryTests", ["Domain", "Query"]),
        tests(
            "StoreContractTests",
            [
                "Encoding", "Domain", "Query", "SQLiteDriver", "PostgresDriver", "Store", "AuditProof",
                "DatabaseTestSupport", logging,
            ]),
        tests(
            "MigrationLintTests",
            ["DatabaseTestSupport", "Domain", "Encoding", "MigrationLint", "Query", "Store", logging]),
        tests("SealingTests", ["Encoding", "Domain", "Sealing"]),
        tests("PKITests", ["Encoding", "Domain", "PKI"]),
        tests("EmbeddedCATests", ["Encoding", "Domain", "PKI", "EmbeddedCA", "Threads"]),
        tests("PKCS11Tests", ["Domain", "PKI", "EmbeddedCA", "PKCS11"]),
        tests(
            "ExternalSignerTests",
            ["Domain", "Encoding", "PKI", "EmbeddedCA", "Threads", "HostEffects", "ExternalSigner"]),
        tests("SettingsTests", ["Domain", "Settings"]),
        tests("HostEffectsTests", ["HostEffects"]),
        tests("OutboundTests", ["Domain", "PKI", "Outbound", nio, nioPosix, nioSSL]),
        tests(
            "ChallengeValidationTests",
            ["ChallengeValidation", "Domain", "Encoding", "Outbound", "PKI", nio, nioPosix, crypto]),
        tests(
            "DeploymentTests",
            [
                "Deployment", "TargetConnectors", "ConnectorKit", "HostEffects", "Outbound", "PKI", "Domain",
                "Encoding", crypto,
            ]
        ),
        tests("APIContractTests", ["APIContract", "Domain", "Encoding"]),
        tests(
            "HTTPServingTests",
            [
                "HTTPServing", "APIContract", "Access", "Outbound", "PKI", "Domain", "Encoding", "Telemetry",
                "HostEffects", nio, nioSSL, logging,
            ]
        ),
        tests(
            "LifecycleTests",
            [
                "DatabaseTestSupport", "Lifecycle", "Access", "Store", "AuditProof", "Query", "SQLiteDriver",
                "PostgresDriver",
                "Sealing", "PKI",
                "EmbeddedCA",
                "ConnectorKit", "IssuerConnectors", "Telemetry", "Domain", "Encoding", "HostEffects", logging, crypto,
                nio, nioHTTP1, nioPosix, httpClient,
            ]
        ),
        tests("ControlAPITests", ["Encoding", "Domain", "PKI", "Store", "Lifecycle", "ControlAPI", crypto]),
        tests(
            "AgentRuntimeTests",
            [
                "Encoding", "Domain", "PKI", "Settings", "HostEffects", "Outbound", "Deployment", "ConnectorKit",
                "APIContract", "ChallengeValidation", "AgentRuntime", lifecycle, logging,
            ]),
        tests(
            "OperatorCLITests",
            ["Encoding", "Domain", "Settings", "HostEffects", "Outbound", "APIContract", "OperatorCLI"]),
        tests(
            "MigrationProofTests",
            [
                "DatabaseTestSupport", "Domain", "Query", "SQLiteDriver", "PostgresDriver", "Store", "certctl",
                "MigrationCrash", logging,
            ]),
        tests(
            "EndToEndTests",
            ["DatabaseTestSupport", "Domain", "Query", "APIContract", "certctl", "certctl-agent", crypto]),
    ],
    swiftLanguageModes: [.v6]
)
