/// What a client asks an OCSP responder (RFC 6960 §4.1). The name and signature of the requestor are read over: the
/// answer is public.
package struct OCSPRequest: Sendable {
    /// Longest request, in octets (protocol-servers §1.3).
    package static let maximumSize = 16 << 10
    /// Most certificates that one request asks about.
    package static let maximumCertificates = 16
    /// Lengths of a nonce that is echoed (RFC 9654 §2.1).
    package static let nonceLengths = 1...128

    package let certIDs: [CertID]
    /// The octets inside the extension, to be repeated in the answer.
    package let nonce: [UInt8]?

    /// Reads one request; throws for what must be answered with `malformedRequest`.
    package init(der: [UInt8]) throws(OCSPRequestError) {
        guard der.count <= Self.maximumSize else { throw OCSPRequestError("is longer than 16 KiB") }
        do throws(DERError) {
            var outer = try DERNode(parsing: der[...]).sequence("OCSPRequest", limit: 2)
            var tbs = try outer.next().sequence("TBSRequest", limit: 4)
            if let signature = outer.next(ifContextTag: 0) { _ = try signature.explicit("optionalSignature") }
            try outer.end()
            if let version = tbs.next(ifContextTag: 0) {
                let number = try version.explicit("version").smallInteger("version")
                guard number == 0 else { throw DERError("version is not v1") }
            }
            if let name = tbs.next(ifContextTag: 1) { _ = try name.explicit("requestorName") }
            let list = try tbs.next().sequence("requestList", limit: Self.maximumCertificates).remaining
            let extensions = tbs.next(ifContextTag: 2)
            try tbs.end()
            guard !list.isEmpty else { throw DERError("requestList is empty") }
            certIDs = try Self.certIDs(list)
            nonce = try extensions.map { node throws(DERError) in try Self.nonce(node) } ?? nil
        } catch {
            throw OCSPRequestError(error.reason)
        }
    }

    /// A request as a client makes it, without a signature.
    package static func encode(_ certIDs: [CertID], nonce: [UInt8]? = nil) -> [UInt8] {
        let item = nonce.map { octets in
            CertificateExtension(oid: .ocspNonce, isCritical: false, value: DERWriter.octetString(octets))
        }
        return DERWriter.sequence(
            DERWriter.sequence(
                DERWriter.sequence(of: certIDs.map { DERWriter.sequence($0.der) }),
                item.map { DERWriter.explicit(2, DERWriter.sequence($0.der)) } ?? []))
    }

    private static func certIDs(_ list: ArraySlice<DERNode>) throws(DERError) -> [CertID] {
        var certIDs: [CertID] = []
        for node in list {
            var fields = try node.sequence("Request", limit: 2)
            certIDs.append(try CertID(fields.next()))
            if let extensions = fields.next(ifContextTag: 0) {
                for item in try items(extensions) where item.isCritical {
                    throw DERError("a critical extension of a request is not understood")
                }
            }
            try fields.end()
        }
        return certIDs
    }

    static func items(_ node: DERNode) throws(DERError) -> [CertificateExtension] {
        var items: [CertificateExtension] = []
        for element in try node.explicit("extensions").sequence("extensions", limit: 16).remaining {
            let item = try CertificateExtension(element)
            guard !items.contains(where: { $0.oid == item.oid }) else {
                throw DERError("extension \(item.oid) occurs twice")
            }
            items.append(item)
        }
        return items
    }

    /// The nonce, when there is one. Other extensions are ignored unless they are critical.
    private static func nonce(_ node: DERNode) throws(DERError) -> [UInt8]? {
        var nonce: [UInt8]?
        for item in try items(node) {
            switch item.oid {
            case .ocspNonce:
                let octets = try DERNode(parsing: item.value[...]).octetString("nonce")
                guard nonceLengths.contains(octets.count) else { throw DERError("nonce is empty or too long") }
                nonce = Array(octets)
            case .ocspAcceptableResponses: break
            default: guard !item.isCritical else { throw DERError("critical extension \(item.oid) is not understood") }
            }
        }
        return nonce
    }
}

/// Why octets are no OCSP request that can be answered.
package struct OCSPRequestError: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String

    init(_ reason: String) { self.reason = reason }

    package var isAboutNonce: Bool { reason.hasPrefix("nonce") }

    package var description: String { "OCSP request: \(reason)" }
}
