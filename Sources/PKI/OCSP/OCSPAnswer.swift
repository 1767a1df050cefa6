package import Domain

/// What a responder sent, read strictly (RFC 6960 §4.2.1).
package enum OCSPReply: Sendable {
    /// Longest reply that is read, in octets.
    package static let maximumSize = 256 << 10

    /// No answer: the number of `OCSPResponseStatus`, which nobody signed.
    case failure(UInt8)
    case answer(OCSPAnswer)

    package init(der: [UInt8]) throws(OCSPAnswerError) {
        guard der.count <= Self.maximumSize else { throw OCSPAnswerError("is longer than 256 KiB") }
        do throws(DERError) {
            var outer = try DERNode(parsing: der[...]).sequence("OCSPResponse", limit: 2)
            let statusNode = try outer.next()
            guard statusNode.has(.enumerated) else { throw DERError("responseStatus must be an ENUMERATED") }
            let octets = try statusNode.primitive("responseStatus")
            guard octets.count == 1, let status = octets.first, status <= 6, status != 4 else {
                throw DERError("responseStatus is none of RFC 6960")
            }
            let content = outer.next(ifContextTag: 0)
            try outer.end()
            guard status == 0 else {
                guard content == nil else { throw DERError("a failure bears an answer") }
                self = .failure(status)
                return
            }
            guard let content else { throw DERError("responseBytes are missing") }
            var bytes = try content.explicit("responseBytes").sequence("responseBytes", limit: 2)
            guard try bytes.next().oid("responseType") == .ocspBasic else {
                throw DERError("responseType is not id-pkix-ocsp-basic")
            }
            let basic = try bytes.next().octetString("response")
            try bytes.end()
            self = .answer(try OCSPAnswer(DERNode(parsing: basic)))
        } catch {
            throw OCSPAnswerError(error.reason)
        }
    }
}

/// A signed answer (RFC 6960 §4.2.1). Reading checks form; ``verify(issuer:at:)`` checks who signed it.
package struct OCSPAnswer: Sendable {
    /// Most certificates that come with an answer.
    private static let maximumCertificates = 10
    /// Most answers in one.
    private static let maximumResponses = 100

    package enum Responder: Hashable, Sendable {
        case name(DistinguishedName)
        /// SHA-1 of the key.
        case key([UInt8])
    }

    package let responder: Responder
    package let producedAt: Timestamp
    package let responses: [OCSPSingleResponse]
    package let nonce: [UInt8]?
    package let saysExtendedRevoke: Bool
    package let certificates: [X509Certificate]
    private let tbs: ArraySlice<UInt8>
    private let signature: ArraySlice<UInt8>
    private let algorithm: SignatureAlgorithm?

    init(_ node: DERNode) throws(DERError) {
        var basic = try node.sequence("BasicOCSPResponse", limit: 4)
        let data = try basic.next()
        tbs = data.encoded
        (algorithm, _) = SignatureAlgorithm.accepted(try basic.next())
        signature = try basic.next().bitString("signature")
        certificates = try basic.next(ifContextTag: 0).map { tag throws(DERError) in try Self.certificates(tag) } ?? []
        try basic.end()

        var fields = try data.sequence("ResponseData", limit: 5)
        if let version = fields.next(ifContextTag: 0),
            try version.explicit("version").smallInteger("version") != 0
        {
            throw DERError("version is not v1")
        }
        responder = try Self.responder(fields.next())
        producedAt = try Self.generalizedTime(fields.next())
        let list = try fields.next().sequence("responses", limit: Self.maximumResponses).remaining
        guard !list.isEmpty else { throw DERError("responses are empty") }
        var responses: [OCSPSingleResponse] = []
        for element in list { responses.append(try OCSPSingleResponse(element)) }
        self.responses = responses
        var (nonce, isExtended): ([UInt8]?, Bool) = (nil, false)
        if let tag = fields.next(ifContextTag: 1) {
            for item in try OCSPRequest.items(tag) {
                switch item.oid {
                case .ocspNonce: nonce = Array(try DERNode(parsing: item.value[...]).octetString("nonce"))
                case .ocspExtendedRevoke: isExtended = true
                default: if item.isCritical { throw DERError("critical extension \(item.oid) is not understood") }
                }
            }
        }
        try fields.end()
        self.nonce = nonce
        saysExtendedRevoke = isExtended
    }

    /// Whether the issuer, or a responder to whom it delegated, signed this answer (RFC 6960 §4.2.2.2).
    package func verify(issuer: X509Certificate, at time: Timestamp) throws(OCSPAnswerError) {
        guard let algorithm else { throw OCSPAnswerError("is signed by an algorithm that is not accepted") }
        guard let signer = ([issuer] + certificates).first(where: isResponder) else {
            throw OCSPAnswerError("does not bring the certificate of its responder")
        }
        if signer != issuer {
            guard signer.issuer.matches(issuer.subject), signer.verifySignature(issuedBy: issuer) else {
                throw OCSPAnswerError("is of a responder that the issuer did not appoint")
            }
            guard signer.extendedKeyUsages.contains(.ocspSigning), signer.keyUsage?.contains(.digitalSignature) ?? true
            else { throw OCSPAnswerError("is signed by a certificate that is no OCSP responder's") }
            guard signer.isValid(at: time) else { throw OCSPAnswerError("is of a responder that is not valid now") }
        }
        guard signer.subjectPublicKey.isValid(signature: signature, over: tbs, algorithm: algorithm) else {
            throw OCSPAnswerError("has a signature that does not verify")
        }
    }

    /// The answer about a certificate, if this is one and may be relied on at `time`.
    ///
    /// - `tolerance`: How far the clocks of responder and relying party may differ.
    package func response(
        about serialNumber: SerialNumber, of issuer: X509Certificate, at time: Timestamp,
        tolerance: Duration = .minutes(5)
    ) -> OCSPSingleResponse? {
        let identity = IssuerIdentity(issuer)
        return responses.first { response in
            response.certID.serialNumber == serialNumber && response.certID.matches(identity)
                && response.thisUpdate <= time + tolerance
                && (response.nextUpdate.map { time < $0 + tolerance } ?? true)
        }
    }

    private func isResponder(_ certificate: X509Certificate) -> Bool {
        switch responder {
        case .name(let name): certificate.subject.matches(name)
        case .key(let hash): CertIDHash.sha1.digest(certificate.subjectPublicKey.keyBits) == hash
        }
    }

    private static func certificates(_ tag: DERNode) throws(DERError) -> [X509Certificate] {
        var list: [X509Certificate] = []
        for node in try tag.explicit("certs").sequence("certs", limit: maximumCertificates).remaining {
            do throws(CertificateError) {
                list.append(try X509Certificate(der: Array(node.encoded)))
            } catch {
                throw DERError(error.description)
            }
        }
        return list
    }

    static func responder(_ node: DERNode) throws(DERError) -> Responder {
        switch node.contextTag {
        case 1: return .name(try DistinguishedName(node.explicit("byName")))
        case 2: return .key(Array(try node.explicit("byKey").octetString("byKey")))
        default: throw DERError("responderID is neither a name nor a key")
        }
    }

    static func generalizedTime(_ node: DERNode) throws(DERError) -> Timestamp {
        guard node.has(.generalizedTime) else { throw DERError("times of OCSP are GeneralizedTime") }
        return try DERTime.parse(node)
    }
}

extension OCSPSingleResponse {
    init(_ node: DERNode) throws(DERError) {
        var fields = try node.sequence("SingleResponse", limit: 5)
        certID = try CertID(fields.next())
        status = try OCSPCertificateStatus(fields.next())
        thisUpdate = try OCSPAnswer.generalizedTime(fields.next())
        nextUpdate = try fields.next(ifContextTag: 0).map { tag throws(DERError) in
            try OCSPAnswer.generalizedTime(tag.explicit("nextUpdate"))
        }
        archiveCutoff = nil
        if let tag = fields.next(ifContextTag: 1) {
            for item in try OCSPRequest.items(tag) {
                if item.oid == .ocspArchiveCutoff {
                    archiveCutoff = try OCSPAnswer.generalizedTime(DERNode(parsing: item.value[...]))
                } else if item.isCritical {
                    throw DERError("critical extension \(item.oid) is not understood")
                }
            }
        }
        try fields.end()
    }
}

extension OCSPCertificateStatus {
    init(_ node: DERNode) throws(DERError) {
        switch node.contextTag {
        case 0:
            guard try node.primitive("good").isEmpty else { throw DERError("good has content") }
            self = .good
        case 2:
            guard try node.primitive("unknown").isEmpty else { throw DERError("unknown has content") }
            self = .unknown
        case 1:
            var fields = DERFields(try node.elements("revoked", limit: 2), of: "revoked")
            let time = try OCSPAnswer.generalizedTime(fields.next())
            let reason = try fields.next(ifContextTag: 0).map { tag throws(DERError) in
                try RevocationReason(tag.explicit("revocationReason"))
            }
            try fields.end()
            self = .revoked(at: time, reason: reason ?? .unspecified)
        default: throw DERError("certStatus is none of RFC 6960")
        }
    }
}

/// Why a reply is none that can be relied on.
package struct OCSPAnswerError: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String

    init(_ reason: String) { self.reason = reason }

    package var description: String { "OCSP answer: \(reason)" }
}
