import Domain

/// What a key store file holds, whatever its format.
package struct KeyStoreContent: Sendable {
    /// A private key with the certificates that belong to it, its own first.
    package struct KeyEntry: Sendable {
        /// The name of the entry; empty when the file has none.
        package let alias: String
        package let key: PrivateKey
        package let chain: [X509Certificate]

        package init(alias: String, key: PrivateKey, chain: [X509Certificate]) {
            self.alias = alias
            self.key = key
            self.chain = chain
        }
    }

    /// A certificate that stands for itself.
    package struct CertificateEntry: Hashable, Sendable {
        package let alias: String
        package let certificate: X509Certificate

        package init(alias: String, certificate: X509Certificate) {
            self.alias = alias
            self.certificate = certificate
        }
    }

    /// Most entries of one file, and most certificates of one chain.
    package static let maximumEntries = 1000

    package var keys: [KeyEntry]
    package var certificates: [CertificateEntry]

    package init(keys: [KeyEntry] = [], certificates: [CertificateEntry] = []) {
        self.keys = keys
        self.certificates = certificates
    }

    /// A trust store of `chain`, each certificate under its common name, and none under that of another.
    package static func trustStore(of chain: [X509Certificate]) -> KeyStoreContent {
        var names: Set<String> = []
        let entries = chain.map { certificate in
            let name = certificate.subject.commonName ?? certificate.serialNumber.hex
            var (alias, number) = (name, 1)
            while !names.insert(alias.lowercased()).inserted {
                number += 1
                alias = "\(name) \(number)"
            }
            return CertificateEntry(alias: alias, certificate: certificate)
        }
        return KeyStoreContent(certificates: entries)
    }

    /// `leaf` and what issued it, one above the other, as far as `all` has it.
    package static func chain(of leaf: X509Certificate, among all: [X509Certificate]) -> [X509Certificate] {
        var chain = [leaf]
        while let last = chain.last, chain.count < 10, !(last.isSelfIssued && last.verifySignature(issuedBy: last)),
            let issuer = all.first(where: {
                !chain.contains($0) && $0.subject.matches(last.issuer) && last.verifySignature(issuedBy: $0)
            })
        {
            chain.append(issuer)
        }
        return chain
    }

    /// Every certificate, those of chains first, each once.
    package var everyCertificate: [X509Certificate] {
        var seen: Set<X509Certificate> = []
        return (keys.flatMap(\.chain) + certificates.map(\.certificate)).filter { seen.insert($0).inserted }
    }
}

/// Why a key store or an encrypted key can't be read. The texts never quote what is in it.
package enum KeyStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed(String)
    /// The password is missing, or is not that of the file.
    case wrongPassword
    /// An algorithm or a format that certctl does not read, by name.
    case unsupported(String)
    /// A password function that would take too long.
    case tooCostly(iterations: Int)
    /// A key of the file is not one that certctl works with.
    case key(KeyError)
    case certificate(CertificateError)

    package var description: String {
        switch self {
        case .malformed(let reason): "the file is malformed: \(reason)"
        case .wrongPassword: "the password is missing or is not that of the file, or the file was changed"
        case .unsupported(let name): "the file uses \(name), which is not supported"
        case .tooCostly(let iterations):
            "the file asks for \(iterations) rounds of its password function; at most "
                + "\(PasswordBasedEncryption.maximumIterations) are accepted"
        case .key(let error): error.description
        case .certificate(let error): error.description
        }
    }
}

/// Turns the faults of the parser below into those of the file.
func readingKeyStore<Result>(_ body: () throws -> Result) throws(KeyStoreError) -> Result {
    do {
        return try body()
    } catch let error as KeyStoreError {
        throw error
    } catch let error as DERError {
        throw .malformed(error.reason)
    } catch let error as KeyError {
        throw .key(error)
    } catch let error as CertificateError {
        throw .certificate(error)
    } catch {
        throw .malformed("\(error)")
    }
}
