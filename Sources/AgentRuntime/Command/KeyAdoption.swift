import Domain
import HostEffects
import PKI

/// Why a certificate and its key can't be taken over, in the words of the command line.
enum KeyAdoptionError: Error, Hashable, Sendable, CustomStringConvertible {
    case certificate(String)
    case missing(String)
    case unreadable(String, String)
    case noCertificate(String)
    case noKey(String)
    case ambiguous(String)

    var description: String {
        switch self {
        case .certificate(let reason): "--certificate: \(reason)"
        case .missing(let path): "\(path) does not exist"
        case .unreadable(let path, let reason): "\(path): \(reason)"
        case .noCertificate(let path): "there is no certificate in \(path)"
        case .noKey(let path): "there is no private key in \(path) that belongs to the certificate"
        case .ambiguous(let path):
            "\(path) has several keys with certificates; export the one that is meant into a file of its own"
        }
    }
}

/// A certificate with its key as they lie on this host, in whatever form.
struct KeyAdoption: Sendable {
    enum Option: String, CaseIterable, Sendable {
        case certificate = "--certificate"
        case cert = "--cert"
        case key = "--key"
        case passphraseFile = "--passphrase-file"
    }

    /// What the command line names.
    struct Files: Hashable, Sendable {
        private var values: [Option: String] = [:]

        var isEmpty: Bool { values.isEmpty }

        /// The first option without which there is nothing to adopt.
        var missing: String? { [Option.certificate, .cert].first { values[$0] == nil }?.rawValue }

        subscript(option: Option) -> String? {
            get { values[option] }
            set { values[option] = newValue }
        }
    }

    let certificate: CertificateID
    /// The certificate first.
    let chain: [X509Certificate]
    let key: PrivateKey

    /// Reads the files; blocks.
    init(_ files: Files) throws {
        do {
            certificate = try CertificateID(files[.certificate] ?? "")
        } catch {
            throw KeyAdoptionError.certificate("\(error)")
        }
        let path = files[.cert] ?? ""
        let password = try files[.passphraseFile].map(Self.password) ?? Secret("")
        let content = try Self.content(of: path, password)
        guard let keyPath = files[.key] else {
            let entries = content.keys.filter { !$0.chain.isEmpty }
            guard let entry = entries.first else { throw KeyAdoptionError.noKey(path) }
            guard entries.count == 1 else { throw KeyAdoptionError.ambiguous(path) }
            key = entry.key
            chain = KeyStoreContent.chain(of: entry.chain[0], among: entry.chain + Self.certificates(content))
            return
        }
        let certificates = Self.certificates(content)
        guard !certificates.isEmpty else { throw KeyAdoptionError.noCertificate(path) }
        let keys = try Self.content(of: keyPath, password).keys.map(\.key)
        let pair = certificates.lazy.compactMap { certificate in
            keys.first { $0.publicKey == certificate.subjectPublicKey }.map { (certificate, $0) }
        }.first
        guard let (leaf, own) = pair else { throw KeyAdoptionError.noKey(keyPath) }
        key = own
        chain = KeyStoreContent.chain(of: leaf, among: certificates)
    }

    private static func certificates(_ content: KeyStoreContent) -> [X509Certificate] {
        content.keys.flatMap(\.chain) + content.certificates.map(\.certificate)
    }

    /// A link is followed: that is how certbot and others name the present files.
    private static func content(of path: String, _ password: Secret) throws -> KeyStoreContent {
        let octets = try octets(of: path, atMost: KeyStoreFile.maximumSize)
        do {
            return try KeyStoreFile.read(octets, password: password)
        } catch {
            throw KeyAdoptionError.unreadable(path, "\(error)")
        }
    }

    /// Without the end of its line.
    private static func password(in path: String) throws -> Secret {
        var octets = try octets(of: path, atMost: 4096)
        if octets.last == 0x0A { octets.removeLast() }
        return Secret(octets)
    }

    private static func octets(of path: String, atMost limit: Int) throws -> [UInt8] {
        guard let octets = try FileSystem.live.read(PathRules.realPath(path) ?? path, atMost: limit) else {
            throw KeyAdoptionError.missing(path)
        }
        return octets
    }
}
