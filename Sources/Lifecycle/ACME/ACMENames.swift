import Crypto
package import Domain
package import Encoding
import PKI
import Store

/// The identifiers of an order: their form, and what profile and account allow (protocol-servers §2.7).
package enum ACMENames {
    package static let most = 100

    /// Reads `identifiers`; each that is wrong is a part of the problem. Without duplicates, in the order of the request.
    ///
    /// - `profile`: Whether it allows wildcards and names of one label is part of the form.
    package static func read(
        _ identifiers: JSONValue?, under profile: ACMEProfile
    ) throws(ACMEProblem) -> [ACMEName] {
        guard let elements = identifiers?.arrayValue, !elements.isEmpty else {
            throw ACMEProblem(.malformed, "identifiers must be a list with at least one element")
        }
        guard elements.count <= most else {
            throw ACMEProblem(.malformed, "an order may have at most \(most) identifiers")
        }
        var names: [ACMEName] = []
        var parts: [ACMEProblem.Part] = []
        for element in elements {
            guard let type = element["type"]?.stringValue, let value = element["value"]?.stringValue else {
                throw ACMEProblem(.malformed, "each identifier must have a type and a value")
            }
            do throws(Refusal) {
                let name = try name(type, value)
                if let reason = unwanted(name, profile.fields) { throw Refusal(detail: reason) }
                if !names.contains(name) { names.append(name) }
            } catch {
                parts.append(ACMEProblem.Part(error.kind, error.detail, identifier: shown(type, value)))
            }
        }
        guard parts.isEmpty else { throw ACMEProblem.about(parts) }
        return names
    }

    private struct Refusal: Error {
        var kind = ACMEProblem.Kind.rejectedIdentifier
        let detail: String
    }

    private static func shown(_ type: String, _ value: String) -> JSONValue {
        ["type": .string(String(type.prefix(64))), "value": .string(String(value.prefix(256)))]
    }

    private static func name(_ type: String, _ value: String) throws(Refusal) -> ACMEName {
        switch ACMEName.Kind(rawValue: type) {
        case .dns: return try host(value)
        case .ip: return try address(value)
        case nil: throw Refusal(kind: .unsupportedIdentifier, detail: "identifiers of this type are not supported")
        }
    }

    private static func host(_ value: String) throws(Refusal) -> ACMEName {
        let name: DNSName
        do {
            name = try DNSName(value)
        } catch {
            throw Refusal(detail: "not a host name: \(error)")
        }
        // RFC 8555 §7.1.4: what begins with xn-- has to be encoded as it must.
        if let objection = name.objection { throw Refusal(detail: "not a host name: \(objection)") }
        // Underscores are for other records than those of hosts (RFC 952, RFC 1123 §2.1).
        guard !name.text.utf8.contains(UInt8(ascii: "_")) else {
            throw Refusal(detail: "not a host name: an underscore")
        }
        return ACMEName(.dns, name.text)
    }

    /// RFC 8738 §3: an address in the text of RFC 5952, or dotted.
    private static func address(_ value: String) throws(Refusal) -> ACMEName {
        guard let address = try? IPAddress(value), address.description == value else {
            throw Refusal(detail: "not an address in its canonical form (RFC 5952)")
        }
        let isUnspecified = address.octets.allSatisfy { $0 == 0 }
        let isMulticast = address.isIPv6 ? address.octets[0] == 0xFF : (224...255).contains(address.octets[0])
        guard !isUnspecified, !isMulticast else { throw Refusal(detail: "not the address of one host") }
        return ACMEName(.ip, value)
    }

    // MARK: What is allowed

    /// Throws unless profile and account allow each name.
    static func check(_ names: [ACMEName], _ account: ACMEAccount, _ profile: ACMEProfile) throws {
        let rules: ProfileRules
        let own: [SANPattern]
        do {
            rules = try Preflight.rules(of: profile.fields, allowing: AlgorithmPolicy())
            own = try account.allowedIdentifiers.map { try SANPattern($0) }
        } catch {
            throw ACMEProblem(.serverInternal, "the profile can't be applied; tell the operator of this server")
        }
        let binding = PatternBinding(
            commonName: names.first { $0.kind == .dns }?.value ?? names.first?.value ?? "",
            principal: ACMEActor.account(account.id).id)
        let parts: [ACMEProblem.Part] = names.compactMap { name in
            guard let alternative = try? SubjectAltName(classifying: name.value) else {
                return ACMEProblem.Part(.rejectedIdentifier, "the name can't be certified", identifier: name.json)
            }
            if let violation = ProfileEvaluator.nameViolations([alternative], rules, binding).first {
                return ACMEProblem.Part(.rejectedIdentifier, violation.message, identifier: name.json)
            }
            guard own.isEmpty || own.contains(where: { $0.matches(alternative) }) else {
                return ACMEProblem.Part(
                    .rejectedIdentifier, "this account may not order \(name.value)", identifier: name.json)
            }
            return nil
        }
        guard parts.isEmpty else { throw ACMEProblem.about(parts) }
        guard names.count <= rules.maximumNames else {
            throw ACMEProblem(.malformed, "at most \(rules.maximumNames) names are allowed")
        }
    }

    /// What the profile says about ACME alone.
    private static func unwanted(_ name: ACMEName, _ fields: ProfileFields) -> String? {
        guard name.kind == .dns else { return nil }
        if name.isWildcard, !fields.acmeAllowWildcards { return "wildcards are not allowed here" }
        let labels = name.value.split(separator: ".").count - (name.isWildcard ? 1 : 0)
        guard labels < 2, !fields.acmeAllowSingleLabel else { return nil }
        return name.isWildcard
            ? "a wildcard must be below a name of at least two labels" : "a name must have at least two labels"
    }

    /// The same for the same names in any order.
    static func digest(_ names: [ACMEName]) -> String {
        let text = names.sorted().map { "\($0.kind.rawValue):\($0.value)" }.joined(separator: "\n")
        return Hex.encode(SHA256.hash(data: Array(text.utf8)))
    }
}
