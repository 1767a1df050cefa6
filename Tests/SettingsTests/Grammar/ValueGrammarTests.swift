import Domain
import Settings
import Testing

@Suite("operations §3.2: the grammar of every kind of value")
struct ValueGrammarTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let variable: String
        let accepted: [String]
        let refused: [String]
        var testDescription: String { variable }
    }

    static let rows = [
        Row(
            variable: "CERTCTL_STRICT_ENV",
            accepted: ["true", "FALSE", "1", "0", "Yes", "no", "ON", "off", "t", "F"],
            refused: ["2", "truth", " true", "ja", "enabled", "-1"]
        ),
        Row(
            variable: "CERTCTL_SERVER_PORT",
            accepted: ["1", "8443", "65535", "8_443"],
            refused: ["0", "65536", "-1", "8443.0", "0x20", "_1", "1_", "1e3", "abc", "٤", "99999999999999999999"]
        ),
        Row(
            variable: "CERTCTL_MAX_BODY_SIZE",
            accepted: ["1048576", "1MiB", "64KiB", "1GiB", "1_024KiB"],
            refused: ["1MB", "1 MiB", "-1KiB", "1mib", "MiB", "2GiB", "9223372036854775807GiB", "100"]
        ),
        Row(
            variable: "CERTCTL_RATE_LIMIT_RPS",
            accepted: ["50", "0.5", "12.25"],
            refused: ["0", "-1", "1e3", "inf", "nan", ".5", "5.", "1,5", "0x1p3", ""].filter { !$0.isEmpty }
        ),
        Row(
            variable: "CERTCTL_SERVER_TLS_MODE",
            accepted: ["auto"],
            refused: ["Auto", "AUTO", "managed", "none", "auto "]
        ),
        Row(
            variable: "CERTCTL_TRUSTED_PROXIES",
            accepted: ["10.0.0.0/8", "::1", "192.0.2.1, 2001:db8::/32,", " , "],
            refused: ["10.0.0.1/8", "10.0.0.0/33", "300.1.1.1", "host", "10.0.0.0/", "10.0.0.0/8/9", "::/129"]
        ),
        Row(
            variable: "CERTCTL_CORS_ORIGINS",
            accepted: ["https://ops.example.com", "https://a.example:8443,https://b.example", "http://localhost:3000"],
            refused: ["*", "ops.example.com", "https://a.example/x", "https://", "ftp://x"]
        ),
        Row(
            variable: "CERTCTL_SERVER_PUBLIC_URL",
            accepted: ["https://certctl.example.com", "https://[2001:db8::1]:8443", "https://h:1/base"],
            refused: [
                "http://h", "h:8443", "https://", "https://u:p@h", "https://h:0", "https://h:99999", "https://h?q",
                "https://h h",
            ]
        ),
        Row(
            variable: "CERTCTL_LOG_LEVEL",
            accepted: ["debug", "info,scheduler=debug,http=warn", "http=error"],
            refused: ["INFO", "trace", "info,debug", "info,=debug", "info,http=loud", "http=debug,http=warn", "a=b=c"]
        ),
        Row(
            variable: "CERTCTL_SERVER_HOST",
            accepted: ["0.0.0.0", "::", "localhost", "certctl.example.com"],
            refused: ["a b", "-x", "x..y", "https://x", "x:8443"]
        ),
    ]

    @Test("accepted spellings", arguments: rows)
    func accepts(row: Row) {
        for text in row.accepted {
            var stage = Stage()
            stage.environment[row.variable] = text
            #expect(stage.refusals(ServerConfiguration.self) == [], "\(text)")
        }
    }

    @Test("refused spellings name the variable, the value, the source and what is expected", arguments: rows)
    func refuses(row: Row) throws {
        let setting = try #require(Program.server.setting(named: row.variable))
        for text in row.refused {
            var stage = Stage()
            stage.environment[row.variable] = text
            let expected = "\(row.variable): \"\(text)\" from env:\(row.variable) is not \(setting.expectation)"
            #expect(stage.refusals(ServerConfiguration.self) == [expected], "\(text)")
        }
    }

    @Test("a list drops empty items and trims the others")
    func lists() throws {
        var stage = Stage()
        stage.environment["CERTCTL_SERVER_TLS_SANS"] = " a.example , ,b.example,, "
        #expect(try stage.server().tls.subjectAltNames == ["a.example", "b.example"])
    }

    @Test("levels per component keep the level of the rest")
    func levels() throws {
        var stage = Stage()
        stage.environment["CERTCTL_LOG_LEVEL"] = "warn, scheduler=debug"
        let thresholds = try stage.server().logging.thresholds
        #expect(thresholds == LogThresholds(fallback: .warn, components: ["scheduler": .debug]))
    }

    @Test("lints are chosen by name, once each, and only those that are adjustable")
    func lints() throws {
        var stage = Stage()
        stage.environment["CERTCTL_CA_LINTS"] = "host_name_form=error, validity_length = off"
        let chosen = try stage.server().pki.lints
        #expect(chosen == LintSeverities([.hostNameForm: .error, .validityLength: .off]))
        #expect(chosen[.hostNameForm] == .error && chosen[.mixedPurposes] == .warning)
        for wrong in [
            "host_name_form", "host_name_form=", "host_name_form=fatal", "nothing=off", "key_usage=off",
            "host_name_form=off,host_name_form=error", "host_name_form=off=off", "=off",
        ] {
            stage.environment["CERTCTL_CA_LINTS"] = wrong
            #expect(throws: (any Error).self, "\(wrong)") { try stage.server() }
        }
    }

    @Test(
        "algorithms are denied by their names; unknown ones, and a list that leaves nothing to sign with, refuse the start"
    )
    func deniedAlgorithms() throws {
        var stage = Stage()
        #expect(try stage.server().pki.algorithms == AlgorithmPolicy())
        stage.environment["CERTCTL_ALGORITHM_DENY_LIST"] = "ECDSA-P256, RSA-2048,SHA-512"
        #expect(try stage.server().pki.algorithms.names == ["ECDSA-P256", "RSA-2048", "SHA-512"])
        let everything = "ECDSA-P256,ECDSA-P384,ECDSA-P521,RSA,Ed25519,ML-DSA-65,ML-DSA-87"
        for wrong in ["ECDSA-P255", "ecdsa-p256", "MD5", "SHA-1", "RSA-1024", "ECDSA-P256,,Nonsense", everything] {
            stage.environment["CERTCTL_ALGORITHM_DENY_LIST"] = wrong
            #expect(throws: (any Error).self, "\(wrong)") { try stage.server() }
        }
    }
}
