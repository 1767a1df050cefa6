import AuditProof
import Domain
import Encoding
import Store

/// Common Event Format, version 0: what many SIEM products parse by themselves.
struct CEFText: Sendable {
    let version: String

    func text(_ event: ExportedEvent) -> String {
        func member(_ name: String) -> String? { event.members[name]?.stringValue }
        let milliseconds = event.timestamp.microsecondsSinceEpoch / 1000
        let details = event.members["details"].map { CanonicalJSON.text(of: $0) }
        let fields: [(String, String?)] = [
            ("rt", "\(milliseconds)"), ("externalId", member("id")), ("act", event.action),
            ("cat", member("event_category")), ("outcome", event.outcome.rawValue), ("reason", member("reason")),
            ("suser", member("actor")), ("suid", member("credential_id")), ("src", member("client_ip")),
            ("app", member("channel")), ("cn1Label", "seq"), ("cn1", "\(event.sequence)"),
            ("cs1Label", "resourceType"), ("cs1", member("resource_type")), ("cs2Label", "resourceId"),
            ("cs2", member("resource_id")), ("cs3Label", "actorType"), ("cs3", member("actor_type")),
            ("cs4Label", "leafHash"), ("cs4", event.leafHash.hex), ("cs5Label", "requestId"),
            ("cs5", member("request_id")), ("msg", details.flatMap { $0.utf8.count <= 4096 ? $0 : nil }),
        ]
        return line(event.action, event.action.replacing("_", with: " "), severity(event.outcome), fields)
    }

    func text(_ signed: SignedCheckpoint) -> String {
        let stated = signed.checkpoint
        return line(
            "audit.checkpoint", "audit checkpoint", 1,
            [
                ("rt", "\(stated.timestamp.microsecondsSinceEpoch / 1000)"), ("cn1Label", "treeSize"),
                ("cn1", "\(stated.treeSize)"), ("cs1Label", "rootHash"), ("cs1", stated.rootHash.hex),
                ("msg", signed.text),
            ]
        )
    }

    /// From 0 to 10.
    private func severity(_ outcome: AuditOutcome) -> Int {
        switch outcome {
        case .success: 3
        case .denied: 6
        case .error: 7
        }
    }

    private func line(_ id: String, _ name: String, _ severity: Int, _ fields: [(String, String?)]) -> String {
        let header = ["CEF:0", "certctl", "certctl", version, id, name].map(Self.headerField)
        let body = fields.compactMap { key, value in value.map { "\(key)=\(Self.extensionValue($0))" } }
        return (header + ["\(severity)", body.joined(separator: " ")]).joined(separator: "|")
    }

    private static func headerField(_ text: String) -> String {
        escaped(text) { $0 == "|" || $0 == "\\" }
    }

    private static func extensionValue(_ text: String) -> String {
        escaped(text) { $0 == "=" || $0 == "\\" }
    }

    private static func escaped(_ text: String, _ needsBackslash: (Unicode.Scalar) -> Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": escaped += "\\n"
            case "\r": escaped += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: escaped += "?"
            default:
                if needsBackslash(scalar) { escaped.unicodeScalars.append("\\") }
                escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
