import ConnectorKit
import Deployment
import Encoding
import HostEffects

/// The rules on paths and commands as checks of configuration fields. They need no host.
enum FieldChecks {
    static func path(_ value: JSONValue) -> ConfigField.Refusal? {
        do { try PathRules.checkText(value.stringValue ?? "") } catch {
            return .init(error.code, error.description)
        }
        return nil
    }

    static func command(_ value: JSONValue) -> ConfigField.Refusal? {
        guard let command = CommandText(json: value) else { return .init("wrong_type", "must be a command") }
        do { _ = try CommandRules.argumentVector(command) } catch { return .init(error.code, error.description) }
        return nil
    }

    static func endpoint(_ value: JSONValue) -> ConfigField.Refusal? {
        guard let text = value.stringValue, !text.isEmpty else { return nil }
        if VerificationPlan.accepts(endpoint: text) { return nil }
        return .init("invalid_endpoint", "must be host:port; an IPv6 address stands in brackets")
    }

    static func serverName(_ value: JSONValue) -> ConfigField.Refusal? {
        guard let text = value.stringValue, !text.isEmpty else { return nil }
        let isName =
            text.utf8.count <= 253
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || isLetter($0) || $0 == 0x2D || $0 == 0x2E }
        return isName ? nil : .init("invalid_hostname", "must be a host name in ASCII form")
    }

    /// A user or group: a name or a number.
    static func account(_ value: JSONValue) -> ConfigField.Refusal? {
        guard let text = value.stringValue else { return nil }
        let isName =
            (1...32).contains(text.utf8.count) && !text.hasPrefix("-")
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || isLetter($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F
            }
        return isName ? nil : .init("invalid_account", "must be a user or group name, or its number")
    }

    private static func isLetter(_ octet: UInt8) -> Bool {
        (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
    }
}

extension CommandText {
    /// A line or an array of strings; `nil` for anything else.
    init?(json: JSONValue) {
        switch json {
        case .string(let line): self = .line(line)
        case .array(let elements):
            let arguments = elements.compactMap(\.stringValue)
            guard arguments.count == elements.count else { return nil }
            self = .vector(arguments)
        default: return nil
        }
    }
}
