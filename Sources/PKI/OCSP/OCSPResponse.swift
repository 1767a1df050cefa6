package import Domain

/// An answer without a certificate status (RFC 6960 §4.2.1).
package enum OCSPFailure: UInt8, Hashable, Sendable {
    case malformedRequest = 1
    case internalError = 2
    case tryLater = 3
    case unauthorized = 6

    /// The complete `OCSPResponse`; it bears no signature.
    package var der: [UInt8] { DERWriter.sequence(DERWriter.element(0x0A, [rawValue])) }
}

/// What is known of one certificate.
package enum OCSPCertificateStatus: Hashable, Sendable {
    case good
    case revoked(at: Timestamp, reason: RevocationReason)
    /// Never issued, or another issuer's.
    case unknown

    /// Releasing a hold makes a certificate good again, so the reason removeFromCRL is none of a status.
    fileprivate var der: [UInt8] {
        switch self {
        case .good: DERWriter.implicit(0, [])
        case .unknown: DERWriter.implicit(2, [])
        case .revoked(let time, let reason):
            DERWriter.explicit(
                1, DERTime.encodeGeneralized(time),
                reason == .unspecified ? [] : DERWriter.explicit(0, DERWriter.element(0x0A, [reason.code])))
        }
    }
}

/// The answer about one certificate (RFC 6960 §4.2.1).
package struct OCSPSingleResponse: Hashable, Sendable {
    package let certID: CertID
    package let status: OCSPCertificateStatus
    package let thisUpdate: Timestamp
    /// `nil` when the responder does not say, which certctl never does.
    package let nextUpdate: Timestamp?
    /// Since when this responder knows of certificates that have expired (RFC 6960 §4.4.4).
    package var archiveCutoff: Timestamp?

    package init(
        _ certID: CertID, _ status: OCSPCertificateStatus, updates: (this: Timestamp, next: Timestamp?),
        archiveCutoff: Timestamp? = nil
    ) {
        self.certID = certID
        self.status = status
        thisUpdate = updates.this
        nextUpdate = updates.next
        self.archiveCutoff = archiveCutoff
    }

    fileprivate var der: [UInt8] {
        let extensions = archiveCutoff.map { time in
            CertificateExtension(oid: .ocspArchiveCutoff, isCritical: false, value: DERTime.encodeGeneralized(time))
        }
        return DERWriter.sequence(
            certID.der, status.der, DERTime.encodeGeneralized(thisUpdate),
            nextUpdate.map { DERWriter.explicit(0, DERTime.encodeGeneralized($0)) } ?? [],
            extensions.map { DERWriter.explicit(1, DERWriter.sequence(of: [$0.der])) } ?? [])
    }
}

/// A signed answer, decided; encoding it decides nothing more. The responder is named by its key (RFC 9919 §3.2.1).
package struct OCSPResponseTemplate: Sendable {
    package let responder: SubjectPublicKey
    package let producedAt: Timestamp
    package let responses: [OCSPSingleResponse]
    /// Repeated from the request; `nil` when there was none.
    package var nonce: [UInt8]?
    /// Tells that `unknown` certificates are answered as revoked (RFC 6960 §4.4.8).
    package var saysExtendedRevoke = false

    package init(responder: SubjectPublicKey, producedAt: Timestamp, responses: [OCSPSingleResponse]) {
        self.responder = responder
        self.producedAt = producedAt
        self.responses = responses
    }

    /// The `ResponseData` of RFC 6960 §4.2.1.
    package func tbsResponseData() -> TBSResponseData {
        let extensions = extensions
        let der = DERWriter.sequence(
            DERWriter.explicit(2, DERWriter.octetString(CertIDHash.sha1.digest(responder.keyBits))),
            DERTime.encodeGeneralized(producedAt), DERWriter.sequence(of: responses.map(\.der)),
            extensions.isEmpty ? [] : DERWriter.explicit(1, DERWriter.sequence(of: extensions.map(\.der))))
        return TBSResponseData(der: der, signatureAlgorithm: responder.signatureAlgorithm)
    }

    private var extensions: [CertificateExtension] {
        var list: [CertificateExtension] = []
        if let nonce {
            list.append(
                CertificateExtension(oid: .ocspNonce, isCritical: false, value: DERWriter.octetString(nonce)))
        }
        if saysExtendedRevoke {
            list.append(CertificateExtension(oid: .ocspExtendedRevoke, isCritical: false, value: DERWriter.null))
        }
        return list
    }
}

/// An encoded answer that lacks its signature.
package struct TBSResponseData: Sendable {
    package let der: [UInt8]
    package let signatureAlgorithm: SignatureAlgorithm

    /// The complete `OCSPResponse`.
    ///
    /// - `certificates`: What clients need to verify the signature: the responder's, unless the CA itself signs.
    package func responseDER(signature: [UInt8], certificates: [X509Certificate]) -> [UInt8] {
        let enclosed =
            certificates.isEmpty ? [] : DERWriter.explicit(0, DERWriter.sequence(of: certificates.map(\.der)))
        let basic = DERWriter.sequence(der, signatureAlgorithm.der, DERWriter.bitString(signature), enclosed)
        let octets = DERWriter.sequence(DERWriter.oid(.ocspBasic), DERWriter.octetString(basic))
        return DERWriter.sequence(DERWriter.element(0x0A, [0]), DERWriter.explicit(0, octets))
    }
}
