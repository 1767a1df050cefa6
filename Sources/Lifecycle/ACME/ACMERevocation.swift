package import Domain
import PKI
import Query
package import Store

/// Who asks for a revocation (RFC 8555 §7.6).
package enum ACMERevoker: Sendable {
    case account(ACMEAccount, ACMEProfile)
    /// The holder of the certificate's own key: the SHA-256 of its SubjectPublicKeyInfo.
    case certificateKey(spkiSHA256: String)
}

/// Revokes by the word of an account or of the key of a certificate (protocol-servers §2.11).
package struct ACMERevocation: Sendable {
    private let context: LifecycleContext
    private let revoke: RevokeFlow

    package init(_ context: LifecycleContext, revoke: RevokeFlow) {
        self.context = context
        self.revoke = revoke
    }

    /// - `code`: The number of the reason (RFC 5280 §5.3.1); `nil` for none.
    /// - Returns: What was revoked.
    package func revoke(
        _ der: [UInt8], code: Int64?, by revoker: ACMERevoker, from origin: RequestOrigin
    ) async throws -> CertificateVersion {
        let reason = try Self.reason(code)
        let certificate: X509Certificate
        do {
            certificate = try X509Certificate(der: der)
        } catch {
            throw ACMEProblem(.malformed, "the certificate can't be read")
        }
        let version = try await context.read { tx -> CertificateVersion in
            guard let version = try VersionStore().find(fingerprint: certificate.fingerprintSHA256, in: tx) else {
                throw ACMEProblem(.malformed, "this server did not issue the certificate", status: 404)
            }
            guard try isAllowed(revoker, certificate, version, in: tx) else {
                throw ACMEProblem(.unauthorized, "not entitled to revoke this certificate", status: 403)
            }
            let known = try RevocationStore().find(
                issuer: version.issuerID, version.authorityID, serial: version.serialNumber, in: tx)
            guard known.map({ !$0.isInForce || $0.reason == .certificateHold }) ?? true else {
                throw ACMEProblem(.alreadyRevoked, "the certificate is revoked already")
            }
            return version
        }
        do {
            _ = try await revoke.revoke(
                target(version, reason, revoker), RevocationOrder(reason), by: author(revoker, version, origin))
        } catch let error as ServiceError where error.code == .invalidState {
            throw ACMEProblem(.alreadyRevoked, "the certificate is revoked already")
        }
        return version
    }

    /// What an operator decides is not for clients to claim.
    private static func reason(_ code: Int64?) throws(ACMEProblem) -> RevocationReason {
        switch code {
        case nil, 0: .unspecified
        case 1: .keyCompromise
        case 3: .affiliationChanged
        case 4: .superseded
        case 5: .cessationOfOperation
        case 9: .privilegeWithdrawn
        default: throw ACMEProblem(.badRevocationReason, "accepted are the reasons 0, 1, 3, 4, 5 and 9")
        }
    }

    private func isAllowed(
        _ revoker: ACMERevoker, _ certificate: X509Certificate, _ version: CertificateVersion, in tx: any Transaction
    ) throws -> Bool {
        switch revoker {
        case .certificateKey(let spki): return spki == version.spkiSHA256
        case .account(let account, let profile):
            if try ACMEOrderStore().owns(version.id, account.id, in: tx) { return true }
            // Where accounts are trusted with names without proof, having ordered a name says nothing of holding it.
            guard profile.mode == .challenge else { return false }
            let proved = try ACMEAuthorizationStore().proved(by: account.id, in: tx)
            return certificate.subjectAltNames.allSatisfy { name in
                guard let kind = ACMEName.Kind(rawValue: name.kind.rawValue) else { return false }
                let wanted = ACMEName(kind, name.text)
                return proved.contains { $0.name == wanted.base && $0.isWildcard == wanted.isWildcard }
            } && !certificate.subjectAltNames.isEmpty
        }
    }

    /// Whoever shows the key and says that it is compromised has shown it: nothing with that key is good any more.
    private func target(
        _ version: CertificateVersion, _ reason: RevocationReason, _ revoker: ACMERevoker
    ) -> RevocationTarget {
        if case .certificateKey(let spki) = revoker, reason == .keyCompromise { return .key(spki) }
        return .serial(
            version.issuerID, version.serialNumber, by: version.authorityID, notAfter: version.notAfter)
    }

    private func author(
        _ revoker: ACMERevoker, _ version: CertificateVersion, _ origin: RequestOrigin
    ) -> Authorship {
        let actor =
            switch revoker {
            case .account(let account, _): ACMEActor.account(account.id)
            case .certificateKey: ACMEActor.certificateKey(version.serialNumber)
            }
        return Authorship(actor: actor, origin: origin, clearance: .system)
    }
}
