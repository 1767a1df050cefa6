import APIContract
import Access
import Crypto
package import Domain
import Encoding
import HTTPServing
import HTTPTypes
package import Lifecycle
import PKI

/// What relying parties ask (protocol-servers §5.1).
package struct PKIHandlers: Sendable {
    /// Answers that a certificate is unknown, for each address: each costs a signature that nothing keeps.
    private static let denials = LimitPolicy("ocsp_unknown", allowing: 600, per: .minutes(1))
    /// For caches whose clock differs from ours, and for what they add.
    private static let longestSafety = Duration.minutes(5)

    private let ocsp: OCSPService
    private let observers: OCSPObservers
    private let time: TimeSource
    private let requestsPerMinute: @Sendable () -> Int
    private let clients = LimitTable(capacity: 50_000)
    private let denied = LimitTable(capacity: 50_000)

    /// - `requestsPerMinute`: Of an address, over OCSP; 0 for no limit.
    package init(
        ocsp: OCSPService, observers: OCSPObservers, time: TimeSource,
        requestsPerMinute: @escaping @Sendable () -> Int
    ) {
        self.ocsp = ocsp
        self.observers = observers
        self.time = time
        self.requestsPerMinute = requestsPerMinute
    }

    func register(in table: inout HandlerTable) {
        table.on(PKIRoutes.ocspGet, get)
        table.on(PKIRoutes.ocspPost, post)
        table.on(PKIRoutes.authorityCertificates, certificates)
    }

    // MARK: OCSP

    private func post(_ context: PublicContext) async throws -> OutgoingResponse {
        observers.count(.requestPOST)
        if let refusal = refusal(context) { return refusal }
        let authority = try await authority(context.request.parameter("issuer_id"))
        let reply = await ocsp.answer(context.body, at: authority) { mayDeny(context) }
        return response(reply, isKept: false)
    }

    private func get(_ context: PublicContext) async throws -> OutgoingResponse {
        observers.count(.requestGET)
        if let refusal = refusal(context) { return refusal }
        let authority = try await authority(context.request.parameter("issuer_id"))
        switch OCSPPath(context.request.parameter("request")) {
        case .request(let octets):
            return response(await ocsp.answer(octets, at: authority) { mayDeny(context) }, isKept: true)
        case .serial(let serial):
            return response(await ocsp.answer(about: serial, of: authority) { mayDeny(context) }, isKept: true)
        case .malformed:
            observers.count(.requestInvalid)
            return response(OCSPReplyOctets(.malformedRequest), isKept: false)
        }
    }

    private func refusal(_ context: PublicContext) -> OutgoingResponse? {
        let limit = requestsPerMinute()
        guard limit > 0 else { return nil }
        let policy = LimitPolicy("ocsp", allowing: limit, per: .minutes(1))
        let verdict = clients.take(policy, subject(context, clients), at: time.now)
        guard !verdict.isAllowed else { return nil }
        observers.count(.rateLimited)
        var response = response(OCSPReplyOctets(.tryLater), isKept: false)
        response.fields[.retryAfter] = String(max(1, Int(verdict.retryAfter.components.seconds)))
        return response
    }

    private func mayDeny(_ context: PublicContext) -> Bool {
        denied.take(Self.denials, subject(context, denied), at: time.now).isAllowed
    }

    private func subject(_ context: PublicContext, _ table: LimitTable) -> String {
        LimitSubject.address(context.clientAddress, isCrowded: table.isCrowded)
    }

    /// - `isKept`: Whether caches on the way may keep an answer that is the same for everybody (RFC 9919 §5).
    private func response(_ reply: OCSPReplyOctets, isKept: Bool) -> OutgoingResponse {
        var response = OutgoingResponse.octets(200, "application/ocsp-response", reply.der)
        let now = time.now
        guard isKept, let updates = reply.updates else {
            response.fields[.cacheControl] = "no-store"
            return response
        }
        let safety = min(Self.longestSafety, (updates.next - updates.this) / 10)
        let age = max(0, (updates.next - safety - now).components.seconds)
        response.fields[.cacheControl] = "max-age=\(age), public, no-transform, must-revalidate"
        response.fields[.lastModified] = HTTPDate.text(updates.this)
        response.fields[.expires] = HTTPDate.text(updates.next)
        response.fields[.eTag] = "\"\(Hex.encode(SHA256.hash(data: reply.der)))\""
        return response
    }

    private func authority(_ id: String) async throws -> OCSPAuthority {
        switch try await ocsp.authorities.find(id) {
        case .authority(let authority): return authority
        case .tree:
            throw ServiceError(
                .notSupportedByIssuer, "this issuer is a tree of CAs; each of them answers at an address of its own")
        case .elsewhere:
            throw ServiceError(
                .notSupportedByIssuer, "the CA of this issuer is not run by certctl; its certificates name who answers")
        case .none:
            observers.count(.issuerNotFound)
            throw ServiceError(.notFound, "there is no such issuer")
        }
    }

    // MARK: Certificates

    private enum Form: String, CaseIterable { case cer, p7c, pem }

    /// A suffix names a form, unless the issuer itself is called so.
    private func certificates(_ context: PublicContext) async throws -> OutgoingResponse {
        let name = context.request.parameter("issuer_id")
        let form = Form.allCases.first { name.hasSuffix(".\($0.rawValue)") }
        let chain = try await chain(form == nil ? name : String(name.dropLast(4)))
        guard let certificate = chain.first else { throw ServiceError(.notFound, "there is no such issuer") }
        let response =
            switch form ?? (chain.count == 1 ? .cer : .p7c) {
            case .cer: OutgoingResponse.octets(200, "application/pkix-cert", certificate.der)
            case .p7c: OutgoingResponse.octets(200, "application/pkcs7-mime", CertificatesOnly.encode(chain))
            case .pem: OutgoingResponse.text(200, "application/x-pem-file", chain.map(\.pem).joined())
            }
        return lasting(response, chain)
    }

    /// Also of a CA of a tree whose key is elsewhere, or gone: what it signed still has to be verified. Of a tree, what whoever trusts
    /// it has to trust.
    private func chain(_ id: String) async throws -> [X509Certificate] {
        switch try await ocsp.authorities.find(id) {
        case .elsewhere(let chain) where !chain.isEmpty: return chain
        case .tree: return try await ocsp.authorities.trusted(ofTree: id)
        case .authority, .elsewhere, .none: return try await authority(id).chain
        }
    }

    /// A CA certificate is the same until its issuer gets another one.
    private func lasting(_ response: OutgoingResponse, _ chain: [X509Certificate]) -> OutgoingResponse {
        var response = response
        response.fields[.cacheControl] = "max-age=3600, public, no-transform"
        response.fields[.eTag] = "\"\(Hex.encode(SHA256.hash(data: chain.flatMap(\.der))))\""
        return response
    }
}

/// What the rest of the path of an OCSP request by GET says (RFC 6960 A.1, protocol-servers §5.1).
enum OCSPPath: Equatable {
    case request([UInt8])
    case serial(SerialNumber)
    case malformed

    /// - `raw`: As it was sent: percent-escaped, with slashes that belong to the base64.
    init(_ raw: String) {
        guard let decoded = PercentEncoding.decode(raw[...]), !decoded.isEmpty else {
            self = .malformed
            return
        }
        // A plus that a form encoder, or a decoder on the way, made a space of.
        let text = decoded.replacing(" ", with: "+")
        if text.hasPrefix("M") {
            self = Self.octets(text).map { .request($0) } ?? .malformed
        } else {
            let digits = text.filter { $0 != ":" }
            let isSerial =
                !digits.isEmpty && digits.utf8.count <= 64 && digits.allSatisfy { $0.isASCII && $0.isHexDigit }
            self = (isSerial ? try? SerialNumber(hex: digits) : nil).map { .serial($0) } ?? .malformed
        }
    }

    /// Either alphabet, with padding or without.
    private static func octets(_ text: String) -> [UInt8]? {
        var text = text.replacing("-", with: "+").replacing("_", with: "/")
        while text.hasSuffix("=") { text.removeLast() }
        text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Base64.decode(text)
    }
}
