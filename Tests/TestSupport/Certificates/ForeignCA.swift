import Foundation

/// CAs that `openssl ca` keeps: a root and an issuing CA below it, which has certified and revoked.
package struct ForeignCA: Sendable {
    package let tool: OpenSSL

    /// - `key`: What `openssl genpkey` makes the keys of the CAs of.
    /// - `root`, `issuing`: Further lines of the extensions of the two.
    package init(
        key: [String] = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], root: String = "", issuing: String = "",
        pathLength: String = ",pathlen:0"
    ) async throws {
        tool = try OpenSSL()
        let keys = "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid"
        let authority = "keyUsage = critical, keyCertSign, cRLSign\n" + keys
        for own in ["root", "issuing"] {
            let folder = tool.path(own)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for (name, text) in [("index.txt", ""), ("serial", "01\n"), ("crlnumber", "2A\n")] {
                try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            }
            _ = try tool.file(
                "\(own).cnf",
                """
                [ca]
                default_ca = own
                [own]
                database = \(folder)/index.txt
                new_certs_dir = \(folder)
                serial = \(folder)/serial
                crlnumber = \(folder)/crlnumber
                certificate = \(tool.path("\(own).pem"))
                private_key = \(tool.path("\(own).key"))
                default_md = sha256
                policy = any
                unique_subject = no
                crl_extensions = crl
                [any]
                commonName = supplied
                [crl]
                authorityKeyIdentifier = keyid
                [root]
                basicConstraints = critical, CA:TRUE
                \(authority)
                \(root)
                [issuing]
                basicConstraints = critical, CA:TRUE\(pathLength)
                \(authority)
                \(issuing)
                [leaf]
                basicConstraints = critical, CA:FALSE
                keyUsage = critical, digitalSignature
                extendedKeyUsage = serverAuth
                \(keys)
                [req]
                distinguished_name = name
                [name]
                """)
            try await tool.succeed(["genpkey", "-out", tool.path("\(own).key"), "-algorithm"] + key)
        }
        try await certify("root", "Foreign Root", by: "root", as: "root", ["-selfsign"])
        try await certify("issuing", "Foreign Issuing", by: "root", as: "issuing")
    }

    package var rootPEM: String { get throws { try tool.read("root.pem") } }
    package var issuingPEM: String { get throws { try tool.read("issuing.pem") } }

    /// The private key of `root` or `issuing`: PKCS#8.
    package func key(of name: String) throws -> String { try tool.read("\(name).key") }

    /// A certificate of a host; its path.
    @discardableResult
    package func issue(_ host: String, by authority: String = "issuing", until: String = "20391231000000Z") async throws
        -> String
    {
        try await tool.succeed([
            "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", tool.path("\(host).key"),
        ])
        return try await certify(host, host, by: authority, as: "leaf", until: until)
    }

    package func revoke(_ host: String, _ reason: String, by authority: String = "issuing") async throws {
        try await tool.succeed([
            "ca", "-config", tool.path("\(authority).cnf"), "-revoke", tool.path("\(host).pem"), "-crl_reason", reason,
        ])
    }

    /// A revocation list in PEM.
    package func list(by authority: String = "issuing") async throws -> String {
        try await tool.succeed([
            "ca", "-config", tool.path("\(authority).cnf"), "-gencrl", "-crl_lastupdate", "20250601000000Z",
            "-crl_nextupdate", "20391231000000Z", "-out", tool.path("\(authority).crl"),
        ])
        return try tool.read("\(authority).crl")
    }

    @discardableResult
    package func certify(
        _ name: String, _ commonName: String, by authority: String, as section: String, _ extra: [String] = [],
        until: String = "20391231000000Z"
    ) async throws -> String {
        let (request, output) = (tool.path("\(name).csr"), tool.path("\(name).pem"))
        try await tool.succeed([
            "req", "-new", "-config", tool.path("\(authority).cnf"), "-key", tool.path("\(name).key"), "-subj",
            "/CN=\(commonName)", "-out", request,
        ])
        var arguments = [
            "ca", "-batch", "-notext", "-config", tool.path("\(authority).cnf"), "-extensions", section, "-in", request,
            "-out", output, "-startdate", "20250101000000Z", "-enddate", until,
        ]
        if section == "leaf" {
            let own = try tool.read("\(authority).cnf").replacingOccurrences(
                of: "[leaf]", with: "[leaf]\nsubjectAltName = DNS:\(commonName)")
            arguments += ["-extfile", try tool.file("\(name).ext", own)]
        }
        try await tool.succeed(arguments + extra)
        return output
    }
}

extension OpenSSL {
    /// The same for arguments that are computed.
    @discardableResult
    package func succeed(_ arguments: [String]) async throws -> String {
        let outcome = try await run(arguments)
        guard outcome.status == 0 else { throw Refusal(arguments: arguments, errors: outcome.errors) }
        return outcome.output
    }
}
