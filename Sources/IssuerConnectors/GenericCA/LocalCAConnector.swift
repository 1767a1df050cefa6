package import ConnectorKit
package import Domain
package import EmbeddedCA
package import PKI

/// The built-in certification authority as an issuer (specification, issuers §4.1).
///
/// Always answers at once, from the key that was loaded when the connector was made.
package struct LocalCAConnector: IssuerConnector, RevocationListSigning, ResponderAppointing {
    package static let capabilities = IssuerCapabilities(
        flow: .synchronous,
        serialAllocation: .caller,
        nameKinds: [.dns, .ip, .email, .uri, .upn],
        keyAlgorithms: [.ecdsa, .rsa, .ed25519, .mlDSA65, .mlDSA87],
        honoursMaxTTL: true,
        honoursExtendedKeyUsages: true,
        honoursMustStaple: true,
        honoursTemplates: true,
        revocationReasons: Set(RevocationReason.allCases).subtracting([.removeFromCRL])
    )

    private let authority: LocalCA
    private let key: KeyReference?
    private let time: TimeSource

    /// - `key`: Where the key of the authority is held, if it is not in this process.
    package init(authority: LocalCA, key: KeyReference? = nil, time: TimeSource) {
        self.authority = authority
        self.key = key
        self.time = time
    }

    package var authorityKey: (driver: String, ref: String)? { key.map { ($0.driver, $0.ref) } }

    package var capabilities: IssuerCapabilities { Self.capabilities }

    package func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome {
        guard let serial = request.serialNumber else {
            throw IssuerError(
                .other,
                "no serial number was recorded for this order",
                help: "report this as a defect of certctl"
            )
        }
        var issuance = LocalIssuance(
            serial: RecordedSerial(alreadyRecorded: serial),
            request: request.csr,
            commonName: request.commonName.isEmpty ? nil : request.commonName,
            names: request.subjectAltNames,
            now: time.now
        )
        issuance.subject = request.limits.subject
        issuance.extendedKeyUsages = request.limits.extendedKeyUsages
        issuance.isUsageCritical = request.limits.isUsageCritical
        issuance.policies = request.limits.policies
        issuance.keyUsage = request.limits.keyUsage
        issuance.backdate = request.limits.backdate
        issuance.mustStaple = request.limits.mustStaple
        issuance.hasNoRevocation = request.limits.hasNoRevocation
        issuance.maxTTL = request.limits.maxTTL
        issuance.orderedStart = request.limits.notBefore
        issuance.orderedEnd = request.limits.notAfter
        do throws(LocalCAError) {
            let leaf = try await authority.issue(issuance)
            return .issued(IssuedCertificate(leaf: leaf.certificate, chain: leaf.chain))
        } catch {
            throw Self.issuerError(error)
        }
    }

    package var listIssuer: X509Certificate { authority.certificate }

    package func signList(_ permit: consuming CRLSigningPermit) async throws(IssuerError) -> [UInt8] {
        do throws(LocalCAError) {
            return try await authority.signList(permit)
        } catch {
            throw Self.issuerError(error)
        }
    }

    package func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome {
        throw IssuerError(
            .validation,
            "the local CA answers at once and has no order \(order.reference)",
            help: "request the certificate again"
        )
    }

    package func authorityChain() async throws(IssuerError) -> [X509Certificate] { authority.certificateChain }

    package func appointResponder(
        _ key: SubjectPublicKey, serial: RecordedSerial, validity: Duration
    ) async throws(IssuerError) -> X509Certificate {
        do throws(LocalCAError) {
            return try await authority.appointResponder(key, serial: serial, validity: validity, now: time.now)
        } catch {
            throw Self.issuerError(error)
        }
    }

    /// The CA first, then those above it.
    package var authorityPath: [X509Certificate] { authority.certificateChain }

    /// Signs the certificate of an authority below this one. Its serial number is on record before.
    package func certify(
        _ order: AuthorityOrder, serial: RecordedSerial
    ) async throws(IssuerError) -> X509Certificate {
        do throws(LocalCAError) {
            return try await authority.certify(order, serial: serial, now: time.now)
        } catch {
            throw Self.issuerError(error)
        }
    }

    package func testConnection() async -> [ConnectionCheck] {
        let certificate = authority.certificate
        let isValid = certificate.isValid(at: time.now)
        let validity = "\(certificate.notBefore.rfc3339) to \(certificate.notAfter.rfc3339)"
        return [
            await testKey(),
            ConnectionCheck(
                name: "validity",
                isOK: isValid,
                detail: isValid
                    ? "the CA certificate is valid from \(validity)"
                    : "the CA certificate is valid only from \(validity); replace it or correct the clock"
            ),
        ]
    }

    /// A signature over random octets, verified with the key of the certificate.
    private func testKey() async -> ConnectionCheck {
        do throws(SignerError) {
            try await authority.proveKey()
            return ConnectionCheck(
                name: "key", isOK: true, detail: "the key of \(authority.certificate.subject) signs")
        } catch {
            return ConnectionCheck(name: "key", isOK: false, detail: error.description)
        }
    }

    private static func issuerError(_ error: LocalCAError) -> IssuerError {
        switch error {
        case .validation(let field, _):
            IssuerError(
                .validation, "\(error)", help: "correct the certificate record or its profile",
                cause: field == "names" || field == "common_name" ? .names : nil)
        case .lint:
            IssuerError(.validation, "\(error)", help: "correct the names or the profile so that the lint passes")
        case .authority:
            IssuerError(
                .validation, "\(error)", help: "replace the CA certificate and key of the issuer", cause: .authority)
        case .signer(.transient):
            IssuerError(.other, "\(error)", help: "it is tried again; look at the log of the server if it persists")
        case .signer, .badSignature:
            IssuerError(.auth, "\(error)", help: "check the CA key of the issuer")
        }
    }
}
