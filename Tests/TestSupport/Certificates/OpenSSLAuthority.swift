import Foundation

/// A root and an intermediate made by the real `openssl`, issuing P-256 leaves for tests.
package final class OpenSSLAuthority: Sendable {
    /// A leaf with everything that belongs to it, in PEM.
    package struct Issued: Sendable {
        package let certificate: String
        package let key: String
        /// The intermediate.
        package let chain: String

        package init(certificate: String, key: String, chain: String) {
            self.certificate = certificate
            self.key = key
            self.chain = chain
        }

        package var fullChain: String { certificate + chain }
    }

    private let directory: TemporaryDirectory
    package let root: String
    package let intermediate: String

    package init() async throws {
        directory = try TemporaryDirectory("authority")
        let config = "[req]\ndistinguished_name=dn\n[dn]\n"
        try config.write(toFile: directory.path("openssl.cnf"), atomically: true, encoding: .utf8)
        root = try await Self.certify(
            in: directory, "root", "Test Root", issuer: nil,
            ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"]
        )
        intermediate = try await Self.certify(
            in: directory, "intermediate", "Test Intermediate", issuer: "root",
            ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign"]
        )
    }

    /// A leaf for host names and addresses, such as `DNS:a.test,IP:127.0.0.1`.
    package func issue(_ subjectAltName: String, days: Int = 30) async throws -> Issued {
        let name = "leaf-\(UUID().uuidString)"
        let certificate = try await Self.certify(
            in: directory, name, "leaf", issuer: "intermediate",
            [
                "basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                "extendedKeyUsage=serverAuth", "subjectAltName=\(subjectAltName)",
            ],
            days: days
        )
        let key = try String(contentsOfFile: directory.path("\(name).key"), encoding: .utf8)
        return Issued(certificate: certificate, key: key, chain: intermediate)
    }

    private static func certify(
        in directory: TemporaryDirectory,
        _ name: String,
        _ commonName: String,
        issuer: String?,
        _ extensions: [String],
        days: Int = 30
    ) async throws -> String {
        let output = directory.path("\(name).pem")
        var arguments = [
            "req", "-x509", "-config", directory.path("openssl.cnf"), "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-subj", "/CN=\(commonName)", "-days", "\(days)",
            "-keyout", directory.path("\(name).key"), "-out", output,
        ]
        if let issuer {
            arguments += ["-CA", directory.path("\(issuer).pem"), "-CAkey", directory.path("\(issuer).key")]
        }
        for text in extensions { arguments += ["-addext", text] }
        let outcome = try await runProgram("/usr/bin/openssl", arguments, logs: directory.url)
        guard outcome.status == 0 else { throw OpenSSLFailure(message: outcome.errors) }
        return try String(contentsOfFile: output, encoding: .utf8)
    }
}

/// `openssl` did not do what a test needs.
package struct OpenSSLFailure: Error, CustomStringConvertible {
    package let message: String
    package var description: String { "openssl: \(message)" }
}
