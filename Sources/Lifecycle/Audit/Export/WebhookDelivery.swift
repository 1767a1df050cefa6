import AuditProof
import Crypto
package import Domain
import Encoding

/// One signed delivery of audit events to a webhook.
///
/// The receiver recomputes HMAC-SHA-256 over `<time>.<body>` with the shared secret. A delivery may come twice: the
/// numbers in it tell.
package struct WebhookDelivery: Sendable {
    package let body: [UInt8]
    package let headers: [(name: String, value: String)]

    package init(_ items: [ExportItem], at time: Timestamp, secret: Secret) {
        var events: [JSONValue] = []
        var checkpoints: [JSONValue] = []
        for item in items {
            switch item {
            case .event(let event): events.append(.object(event.json))
            case .checkpoint(let signed): checkpoints.append(.string(signed.text))
            }
        }
        let body = JSONValue.object(
            ["type": "audit.events", "events": .array(events), "checkpoints": .array(checkpoints)]
        ).octets
        let seconds = "\(time.secondsSinceEpoch)"
        let code = secret.withBytes { key in
            HMAC<SHA256>.authenticationCode(
                for: Array("\(seconds).".utf8) + body, using: SymmetricKey(data: Array(key)))
        }
        self.body = body
        headers = [
            ("Content-Type", "application/json"), ("X-Certctl-Event", "audit.events"),
            ("X-Certctl-Signature", "t=\(seconds),v1=\(Hex.encode(code))"),
        ]
    }
}
