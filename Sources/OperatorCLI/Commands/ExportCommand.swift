import ArgumentParser
import Domain
import Encoding
import HostEffects
import PKI

/// `certs export ID`.
struct ExportCommand: OperatorCommand {
    enum Form: String, ExpressibleByArgument, CaseIterable { case pem, der, pkcs7, pkcs12, jks }

    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a certificate with its chain as PEM, DER, PKCS#7, PKCS#12 or JKS.",
        discussion: """
            Without --key the file holds certificates alone: a trust store. With --key it is made here, of the key on \
            this host and the certificate from the server; the key is sent nowhere.
            The password is the first line of --password-file; - reads it from standard input.
            """
    )

    @Argument(help: "Identifier of the certificate.") var id: String
    @Option(name: .customLong("as"), help: "pem, der, pkcs7, pkcs12 or jks.") var form = Form.pem
    @Option(help: ArgumentHelp("Of this version instead of the current one.", valueName: "id")) var versionID: String?
    @Option(help: ArgumentHelp("With this alternate chain of the version; 0 for its own.", valueName: "number"))
    var chain: Int?
    @Option(help: ArgumentHelp("Write to this file; pem without it goes to standard output.", valueName: "file"))
    var save: String?
    @Option(help: ArgumentHelp("File with the password of the new file.", valueName: "file")) var passwordFile: String?
    @Option(help: ArgumentHelp("Private key in PEM that belongs into the file (pkcs12, jks).", valueName: "file"))
    var key: String?
    @Flag(
        inversion: .prefixedNo,
        help: "Whether the chain ends with the root; without it, in trust stores without --key alone.")
    var root: Bool?
    @Flag(help: "PKCS#12 with triple DES and SHA-1, for programs that read nothing else.") var legacy = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        guard form == .pem || save != nil else { throw ValidationError("--as \(form.rawValue) needs --save") }
        let isStore = form == .pkcs12 || form == .jks
        guard isStore || (key == nil && passwordFile == nil) else {
            throw ValidationError("--key and --password-file belong to pkcs12 and jks")
        }
        guard !legacy || form == .pkcs12 else { throw ValidationError("--legacy belongs to pkcs12") }
        guard form != .jks || passwordFile != nil else {
            throw ValidationError("jks needs --password-file: Java opens no such file without a password")
        }
        guard key == nil || passwordFile != nil else {
            throw ValidationError("--key needs --password-file: a private key must not lie there in the open")
        }
    }

    func run(_ session: Session) async throws {
        let password = try PasswordFile.read(passwordFile, session)
        if let password, form == .jks || key != nil, password.count < 6 {
            throw CLIFailure.usage("the password must have six characters or more")
        }
        let certificate = try APIPath.checked(id)
        let octets =
            key == nil
            ? try await remote(certificate, password, session) : try await local(certificate, password, session)
        guard let save else { return session.console.output(String(decoding: octets.dropLast(), as: UTF8.self)) }
        try IssuedFiles.replace(save, with: octets, mode: key == nil ? 0o644 : 0o600, session.environment)
        session.progress("wrote \(save)")
    }

    private func path(_ certificate: String, _ form: Form, download: Bool = false) -> APIPath {
        var query = versionID.map { [(name: "version_id", value: $0)] } ?? []
        if let root, form != .der { query.append((name: "root", value: root ? "true" : "false")) }
        if let chain, form != .der { query.append((name: "chain", value: String(chain))) }
        if download { query.append((name: "download", value: "true")) }
        return APIPath(["certificates", certificate, "export", form.rawValue], query: query)
    }

    /// The file as the server makes it.
    private func remote(_ certificate: String, _ password: Secret?, _ session: Session) async throws -> [UInt8] {
        var body: JSONObject?
        if form == .pkcs12 || form == .jks {
            var members: JSONObject = [:]
            if let password { members["password"] = .string(password.withText { $0 }) }
            if legacy { members["parameters"] = "legacy" }
            body = members
        }
        let answer = try await session.client.call(
            body == nil ? "GET" : "POST", path(certificate, form, download: form == .pem),
            body: body.map { .object($0) }, headers: [("Accept", "*/*")])
        return answer.body
    }

    /// A key store with the key of this host.
    private func local(_ certificate: String, _ password: Secret?, _ session: Session) async throws -> [UInt8] {
        guard let key, let password else { throw CLIFailure.usage("--key needs --password-file") }
        guard let octets = try LocalFiles.read(key, fileSystem: session.environment.fileSystem) else {
            throw CLIFailure.file(message: "\(key): no such file", isPermission: false)
        }
        let answer = try await session.client.call("GET", path(certificate, .pem)).json()
        let content: KeyStoreContent
        do {
            let privateKey = try PrivateKey(pem: Secret(octets))
            let chain = try X509Certificate.bundle(pem: answer["full_pem"]?.stringValue ?? "")
            guard let leaf = chain.first, privateKey.matches(leaf.subjectPublicKey) else {
                throw CLIFailure.usage("\(key) is not the key of \(certificate)")
            }
            let alias = leaf.subject.commonName ?? certificate
            content = KeyStoreContent(keys: [.init(alias: alias, key: privateKey, chain: chain)])
        } catch let error as KeyError {
            throw CLIFailure.usage("\(key): \(error)")
        } catch let error as CertificateError {
            throw CLIFailure.malformedAnswer("\(error)")
        }
        let (time, random) = (session.environment.time, session.environment.random)
        guard form == .pkcs12 else { return JavaKeyStore.encode(content, password: password, at: time.now, random) }
        do {
            return try PKCS12.encode(content, password: password, scheme: legacy ? .legacy : .modern, random)
        } catch {
            throw CLIFailure.usage("\(error)")
        }
    }
}

/// Passwords that commands are given in files: never as arguments, which others can see.
enum PasswordFile {
    /// The first line; `nil` when no file was named.
    static func read(_ path: String?, _ session: Session) throws(CLIFailure) -> Secret? {
        guard let path else { return nil }
        if path == "-" {
            guard let line = session.console.readLine() else { throw .usage("no password on standard input") }
            return Secret(line)
        }
        guard let octets = try LocalFiles.read(path, fileSystem: session.environment.fileSystem) else {
            throw .file(message: "\(path): no such file", isPermission: false)
        }
        var line = octets.prefix { $0 != 0x0A }
        if line.last == 0x0D { line = line.dropLast() }
        return Secret(Array(line))
    }
}
