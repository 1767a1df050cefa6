package import Domain
import Encoding

/// Reads files whose format their content tells: PEM, DER, PKCS#7, PKCS#12, JKS.
package enum KeyStoreFile {
    /// Largest file that is read, in octets.
    package static let maximumSize = 8 << 20

    /// - `password`: For key stores and encrypted keys; others leave it alone.
    package static func read(_ octets: [UInt8], password: Secret = Secret("")) throws(KeyStoreError) -> KeyStoreContent
    {
        guard octets.count <= maximumSize else { throw .malformed("it is larger than 8 MiB") }
        if octets.starts(with: JavaKeyStore.magic) { return try JavaKeyStore.decode(octets, password: password) }
        if octets.starts(with: JavaKeyStore.magicOfJCEKS) {
            throw .unsupported("JCEKS; convert it with keytool -importkeystore -deststoretype pkcs12")
        }
        guard octets.first == 0x30 else { return try text(octets, password) }
        switch try kind(of: octets) {
        case .pfx: return try PKCS12.decode(octets, password: password)
        case .message: return trusted(try CertificatesOnly.decode(octets))
        case .certificate:
            return try readingKeyStore { trusted([try X509Certificate(der: octets)]) }
        }
    }

    /// The certificates of a file that can hold nothing else: DER and PKCS#7, in their order there; `nil` for a key store.
    package static func readCertificates(_ octets: [UInt8]) throws(KeyStoreError) -> [X509Certificate]? {
        guard octets.count <= maximumSize else { throw .malformed("it is larger than 8 MiB") }
        if octets.starts(with: JavaKeyStore.magic) || octets.starts(with: JavaKeyStore.magicOfJCEKS) { return nil }
        guard octets.first == 0x30 else { throw .malformed("it is neither DER nor PKCS#7") }
        switch try kind(of: octets) {
        case .pfx: return nil
        case .message: return try CertificatesOnly.decode(octets)
        case .certificate: return try readingKeyStore { [try X509Certificate(der: octets)] }
        }
    }

    private enum Kind { case pfx, message, certificate }

    /// By the first element of the outermost SEQUENCE.
    private static func kind(of octets: [UInt8]) throws(KeyStoreError) -> Kind {
        try readingKeyStore {
            let der = try BER.der(from: octets[...])
            let first = try DERNode(parsing: der[...]).elements("file", limit: 8).first
            if first?.has(.integer) == true { return .pfx }
            if first?.has(.objectIdentifier) == true { return .message }
            return .certificate
        }
    }

    private static func trusted(_ certificates: [X509Certificate]) -> KeyStoreContent {
        KeyStoreContent(certificates: certificates.map { .init(alias: "", certificate: $0) })
    }

    private static func text(_ octets: [UInt8], _ password: Secret) throws(KeyStoreError) -> KeyStoreContent {
        let blocks: [PEMBlock]
        do throws(PEMError) {
            blocks = try PEMBlock.parse(String(decoding: octets, as: UTF8.self), limit: maximumSize)
        } catch {
            throw .malformed("\(error)")
        }
        var content = KeyStoreContent()
        var keys: [PrivateKey] = []
        var certificates: [X509Certificate] = []
        for block in blocks {
            switch block.label {
            case "CERTIFICATE", "X509 CERTIFICATE":
                certificates.append(try readingKeyStore { try X509Certificate(der: block.octets) })
            case "PKCS7", "CMS": certificates += try CertificatesOnly.decode(block.octets)
            case "ENCRYPTED PRIVATE KEY":
                keys.append(try PrivateKey(encryptedPKCS8DER: block.octets, password: password))
            case "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY":
                keys.append(try readingKeyStore { try PrivateKey(pem: block.text) })
            default: continue
            }
        }
        guard !certificates.isEmpty || !keys.isEmpty else {
            throw .malformed("there is neither a certificate nor a private key in it")
        }
        for key in keys {
            let own = certificates.first { $0.subjectPublicKey == key.publicKey }
            let chain = own.map { KeyStoreContent.chain(of: $0, among: certificates) } ?? []
            content.keys.append(.init(alias: "", key: key, chain: chain))
        }
        let owned = Set(content.keys.flatMap(\.chain))
        content.certificates = certificates.filter { !owned.contains($0) }.map { .init(alias: "", certificate: $0) }
        return content
    }
}
