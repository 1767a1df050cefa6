import AsyncHTTPClient
import ConnectorKit
import Domain
import Encoding
import Foundation
import IssuerConnectors
import NIOCore
import NIOHTTP1
import PKI

/// Orders from a real local CA and tells an ``UpstreamCAServer`` of revocations, by the contract of that.
struct UpstreamCAConnector: RevocationTelling {
    let port: Int
    var token = "token-1"
    /// What issues, and what the server knows of it; without them it can only tell of revocations.
    var source: (real: any IssuerConnector, server: UpstreamCAServer)?

    var capabilities: IssuerCapabilities { LocalCAConnector.capabilities }

    func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome {
        guard let source, case .issued(let made) = try await source.real.issue(request) else {
            throw IssuerError(.other, "the local CA did not answer at once", help: "")
        }
        let handle = source.server.note(made.leaf)
        return .issued(
            IssuedCertificate(
                leaf: made.leaf, chain: made.chain,
                upstream: UpstreamOrder(reference: "order-of-\(handle)", state: #"{"handle":"\#(handle)"}"#)))
    }

    func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome {
        throw IssuerError(.validation, "it answers at once", help: "")
    }
    func authorityChain() async throws(IssuerError) -> [X509Certificate] {
        try await source?.real.authorityChain() ?? []
    }
    func testConnection() async -> [ConnectionCheck] { [] }

    func revoke(_ revocation: UpstreamRevocation) async throws(IssuerError) -> UpstreamRevocationAnswer {
        if let request = revocation.pending {
            return try await send("GET", "/v1/requests/\(request)", revocation, body: nil)
        }
        guard let state = revocation.upstream?.state,
            let handle = (try? JSONValue(parsing: state))?["handle"]?.stringValue
        else { throw IssuerError(.validation, "the handle of the certificate is not known", help: "") }
        var body: JSONObject = [
            "certificate_sha256": .string(revocation.leaf.fingerprintSHA256),
            "serial": .string(UpstreamCAServer.upstreamForm(revocation.serialNumber.hex)),
        ]
        let path = "/v1/certificates/\(handle)/revocation"
        switch revocation.change {
        case .release: return try await send("DELETE", path, revocation, body: body)
        case .revoke(let reason, _):
            body["reason"] = .string(Self.word(reason))
            return try await send("POST", path, revocation, body: body)
        }
    }

    private static func word(_ reason: RevocationReason) -> String {
        reason.rawValue.reduce(into: "") { text, letter in
            text += letter.isUppercase ? "_\(letter.lowercased())" : String(letter)
        }
    }

    private func send(
        _ method: String, _ path: String, _ revocation: UpstreamRevocation, body: JSONObject?
    ) async throws(IssuerError) -> UpstreamRevocationAnswer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = .init(rawValue: method)
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        if let body {
            request.headers.add(name: "Idempotency-Key", value: revocation.idempotencyKey)
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: JSONValue.object(body).text))
        }
        let status: Int
        let answer: JSONValue?
        let retryAfter: Duration?
        do {
            let reply = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
            let text = String(buffer: try await reply.body.collect(upTo: 65_536))
            (status, answer) = (Int(reply.status.code), try? JSONValue(parsing: text))
            retryAfter = reply.headers.first(name: "Retry-After").flatMap { Int($0) }.map { .seconds($0) }
        } catch {
            throw IssuerError(.network, "no answer", help: "see whether the CA runs")
        }
        let code = answer?["code"]?.stringValue
        switch (status, answer?["status"]?.stringValue, code) {
        case (200, "done", _): return .acknowledged
        case (409, _, "already_done"): return .alreadyDone
        case (403, _, "refused"): return .refused(answer?["detail"]?.stringValue ?? "")
        case (202, "in_review", _):
            return .pending(reference: answer?["request"]?.stringValue ?? "", retryAfter: retryAfter)
        case (401, _, _): throw IssuerError(.auth, "the token was not taken", help: "renew the token")
        case (429, _, _): throw IssuerError(.rateLimited, "too many requests", help: "", retryAfter: retryAfter)
        case (500..., _, _): throw IssuerError(.upstream5xx, "status \(status)", help: "", retryAfter: retryAfter)
        default: throw IssuerError(.other, "status \(status) and no answer of the contract", help: "")
        }
    }
}

/// Tells the issuer as the other does, and is killed before anybody hears what it answered.
struct KilledConnector: RevocationTelling {
    let inner: UpstreamCAConnector

    var capabilities: IssuerCapabilities { inner.capabilities }
    func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome {
        try await inner.issue(request)
    }
    func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome { try await inner.poll(order) }
    func authorityChain() async throws(IssuerError) -> [X509Certificate] { try await inner.authorityChain() }
    func testConnection() async -> [ConnectionCheck] { [] }

    func revoke(_ revocation: UpstreamRevocation) async throws(IssuerError) -> UpstreamRevocationAnswer {
        let answer = try await inner.revoke(revocation)
        kill(getpid(), SIGKILL)
        return answer
    }
}
