import ArgumentParser
import Domain
import Encoding
import HostEffects
import PKI

/// `intermediates adopt ISSUER`.
struct AdoptIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Take in a CA that exists, with its key.",
        discussion: """
            Certificate and key are in PEM, or together in a PKCS#12 file given as --key. The certificate comes with those \
            above it, up to the root, unless the tree has them. An encrypted key is opened here, with the first line of \
            --passphrase-file (- for standard input), and sent to the server, which seals it. With --crl and --issued it goes \
            on answering for what it signed and revoked before.
            """
    )

    @Argument(help: "Identifier of the issuer, whose hierarchy_mode is tree.") var issuer: String
    @Option(help: "Name, unique in the tree.") var name: String
    @Option(help: ArgumentHelp("The CA and those above it, in PEM or DER.", valueName: "file")) var cert: String?
    @Option(help: ArgumentHelp("Its key: PKCS#8, SEC 1, PKCS#1 or PKCS#12.", valueName: "file")) var key: String?
    @Option(help: ArgumentHelp("What the key is encrypted with.", valueName: "file")) var passphraseFile: String?
    @Option(
        help: ArgumentHelp("In place of --key: its key in a token or a file of the server.", valueName: "reference"))
    var keyDriverID: String?
    @Option(help: ArgumentHelp("What it signed before, in PEM; may be repeated.", valueName: "file")) var issued:
        [String] =
            []
    @Option(help: ArgumentHelp("Its latest revocation list, in PEM or DER.", valueName: "file")) var crl: String?
    @Option(help: "Whether it signs certificates of somebody who is no CA.") var issuing: Bool?
    @Option(help: ArgumentHelp("Where OCSP is answered for it.", valueName: "url")) var ocspResponderURL: String?
    @Flag(help: "Check everything, store nothing.") var dryRun = false
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    static let details = [
        Column("ID", "id"), Column("NAME", "name"), Column("SUBJECT", "subject"), Column("PARENT", "parent_ca_id"),
        Column("KEY", "key_algorithm"), Column("ENDS", "not_after", .time), Column("ISSUING", "issuing", .yesOrNo),
        Column("REGISTERED", "registered", .list), Column("CERTIFICATES", "certificates"),
        Column("LEFT OUT", "ended"), Column("REVOCATIONS", "revocations"), Column("CRL NUMBER", "crl_number"),
    ]

    func validate() throws {
        guard (key == nil) != (keyDriverID == nil) else {
            throw ValidationError("give the key with --key, or say with --key-driver-id where it is")
        }
        guard cert != nil || key != nil else { throw ValidationError("give the certificate with --cert") }
        guard passphraseFile == nil || key != nil else { throw ValidationError("--passphrase-file belongs to --key") }
    }

    func run(_ session: Session) async throws {
        let issuer = try APIPath.checked(issuer)
        var list = MemberList()
        list.add("name", name)
        let opened = try key.map { try open($0, session) }
        let chain = try cert.map { try Self.certificates(try Self.octets(of: $0, session), $0) } ?? opened?.chain ?? []
        guard !chain.isEmpty else {
            throw CLIFailure.usage("\(key ?? "") has no certificate of the key; give the certificate with --cert")
        }
        list.add("chain_pem", chain.map(\.pem).joined())
        list.add("private_key_pem", opened?.key.pkcs8PEM.withText { $0 })
        list.add("key_driver_id", keyDriverID)
        if !issued.isEmpty {
            let texts = try issued.map { String(decoding: try Self.octets(of: $0, session), as: UTF8.self) }
            list.add("issued_pem", texts.joined(separator: "\n"))
        }
        list.add("crl_pem", try crl.map { try Self.list(try Self.octets(of: $0, session), $0) })
        if let issuing { list.add("issuing", issuing) }
        list.add("ocsp_responder_url", ocspResponderURL)
        if !dryRun {
            try session.ask(
                "adopt \(chain[0].subject)? From then on nobody else should sign with its key.", unless: yes)
        }
        let path = APIPath(
            ["issuers", issuer, "intermediates", "import"], query: dryRun ? [(name: "dry_run", value: "true")] : [])
        let reply = try await session.client.call("POST", path, body: .object(list.object))
        let answer = try reply.json()
        if let waits = try PendingApproval.text(reply) { return try session.confirm(waits, answer) }
        session.console.output(try session.renderer.item(answer, details: Self.details))
        if dryRun { session.progress("nothing was stored") }
    }

    /// The key, with the certificates of a key store.
    private func open(_ path: String, _ session: Session) throws -> (key: PrivateKey, chain: [X509Certificate]) {
        let password = try PasswordFile.read(passphraseFile, session) ?? Secret("")
        let octets = try Self.octets(of: path, session)
        let content: KeyStoreContent
        do {
            content = try KeyStoreFile.read(octets, password: password)
        } catch {
            throw CLIFailure.usage("\(path): \(error)")
        }
        guard content.keys.count == 1, let entry = content.keys.first else {
            throw CLIFailure.usage("\(path) must hold one private key, not \(content.keys.count)")
        }
        return (entry.key, entry.chain)
    }

    private static func octets(of path: String, _ session: Session) throws(CLIFailure) -> [UInt8] {
        guard let octets = try LocalFiles.read(path, fileSystem: session.environment.fileSystem) else {
            throw .file(message: "\(path): no such file", isPermission: false)
        }
        return octets
    }

    /// In the order of the file.
    private static func certificates(_ octets: [UInt8], _ path: String) throws(CLIFailure) -> [X509Certificate] {
        do {
            guard octets.first == 0x30 else {
                return try X509Certificate.bundle(pem: String(decoding: octets, as: UTF8.self))
            }
            return [try X509Certificate(der: octets)]
        } catch {
            throw .usage("\(path): \(error)")
        }
    }

    private static func list(_ octets: [UInt8], _ path: String) throws(CLIFailure) -> String {
        do {
            let list =
                octets.first == 0x30
                ? try CertificateRevocationList(der: octets)
                : try CertificateRevocationList(pem: String(decoding: octets, as: UTF8.self))
            return list.pem
        } catch {
            throw .usage("\(path): \(error)")
        }
    }
}
