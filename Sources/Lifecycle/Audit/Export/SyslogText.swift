import AuditProof
import Domain
import Encoding

/// Syslog messages of the audit log (RFC 5424), framed by octet counting (RFC 5425 §4.3).
package struct SyslogText: Sendable {
    /// What stands in the message part.
    package enum Content: String, Sendable, CaseIterable {
        /// The event as JSON.
        case rfc5424
        /// Common Event Format, for receivers that want it.
        case cef
    }

    /// "log audit".
    private static let facility = 13
    /// What receivers take without configuration (RFC 5425 §4.3.1 asks for 8192).
    package static let messageLimit = 8192
    /// The enterprise number that RFC 5612 sets aside for documentation; certctl has none of its own.
    private static let enterprise = 32_473

    let hostName: String
    let content: Content
    let version: String

    package init(hostName: String, content: Content, version: String = Version.number) {
        self.hostName = Self.token(hostName, limit: 255)
        self.content = content
        self.version = version
    }

    /// The frames of the items, one after the other.
    package func frames(_ items: [ExportItem]) -> [UInt8] {
        items.reduce(into: []) { octets, item in
            let message = message(item)
            octets += Array("\(message.count) ".utf8) + message
        }
    }

    package func message(_ item: ExportItem) -> [UInt8] {
        switch item {
        case .event(let event):
            let message = render(event, details: true)
            return message.count <= Self.messageLimit ? message : render(event, details: false)
        case .checkpoint(let signed):
            let stated = signed.checkpoint
            let data = element([("tree_size", "\(stated.treeSize)"), ("root_hash", stated.rootHash.hex)])
            let text = content == .cef ? CEFText(version: version).text(signed) : signed.text
            return header(severity: 5, stated.timestamp, "audit.checkpoint", data) + Array(text.utf8)
        }
    }

    private func render(_ event: ExportedEvent, details: Bool) -> [UInt8] {
        var json = event.json
        if !details {
            json["details"] = nil
            json["details_omitted"] = true
        }
        let names = ["id", "actor", "actor_type", "resource_type", "resource_id", "outcome", "client_ip", "request_id"]
        let members = names.compactMap { name in json[name]?.stringValue.map { (name, $0) } }
        let data = element([("seq", "\(event.sequence)"), ("leaf_hash", event.leafHash.hex)] + members)
        let text = content == .cef ? CEFText(version: version).text(event) : JSONValue.object(json).text
        return header(severity: event.outcome.syslogSeverity, event.timestamp, event.action, data) + Array(text.utf8)
    }

    private func header(severity: Int, _ time: Timestamp, _ name: String, _ data: String) -> [UInt8] {
        let priority = Self.facility * 8 + severity
        let text = "<\(priority)>1 \(time.rfc3339) \(hostName) certctl - \(Self.token(name, limit: 32)) \(data) "
        // The message is UTF-8, and a byte order mark says so (§6.4).
        return Array(text.utf8) + [0xEF, 0xBB, 0xBF]
    }

    private func element(_ parameters: [(String, String)]) -> String {
        let body = parameters.map { " \($0)=\"\(Self.escaped($1))\"" }.joined()
        return "[certctl@\(Self.enterprise)\(body)]"
    }

    /// RFC 5424 §6.3.3; control characters, which would break lines of a file, become question marks.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" || scalar == "]" { escaped.unicodeScalars.append("\\") }
            escaped.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? "?" : scalar)
        }
        return escaped
    }

    /// Printable ASCII without spaces; `-` when nothing is left.
    private static func token(_ text: String, limit: Int) -> String {
        let allowed = text.unicodeScalars.filter { (0x21...0x7E).contains($0.value) }.prefix(limit)
        return allowed.isEmpty ? "-" : String(String.UnicodeScalarView(allowed))
    }
}
