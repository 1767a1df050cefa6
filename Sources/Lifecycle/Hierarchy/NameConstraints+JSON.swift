import Encoding
import PKI

/// Why JSON is no set of name constraints.
struct NameConstraintProblem: Error, CustomStringConvertible {
    let description: String
}

extension NameConstraints {
    private static let most = 256

    /// Either form of the API: `{"permitted":{"dns":[…],"ip":[…],…},"excluded":{…}}`, or the older
    /// `[{"permitted":[…],"excluded":[…]}]`, whose names are DNS names. `nil` for an empty one.
    init?(json: JSONValue) throws(NameConstraintProblem) {
        var (permitted, excluded) = (ConstrainedNames(), ConstrainedNames())
        for part in json.arrayValue ?? [json] {
            guard let members = part.objectValue else {
                throw NameConstraintProblem(description: "must be an object with permitted and excluded")
            }
            for member in members {
                switch member.key {
                case "permitted": try Self.add(member.value, to: &permitted)
                case "excluded": try Self.add(member.value, to: &excluded)
                default: throw NameConstraintProblem(description: "has the unknown member \(member.key)")
                }
            }
        }
        do throws(NameConstraintError) {
            guard let made = try NameConstraints.make(permitted: permitted, excluded: excluded) else { return nil }
            self = made
        } catch {
            throw NameConstraintProblem(description: error.description)
        }
    }

    private static func add(
        _ json: JSONValue, to names: inout ConstrainedNames
    ) throws(NameConstraintProblem) {
        if json.isNull { return }
        guard let kinds = json.objectValue else {
            names.dns += try texts(json)
            return
        }
        for kind in kinds {
            let list = try texts(kind.value)
            switch kind.key {
            case "dns": names.dns += list
            case "ip": names.ip += list
            case "email": names.email += list
            case "uri": names.uri += list
            case "directory": names.directory += list
            default:
                throw NameConstraintProblem(
                    description: "has names of the kind \(kind.key); known are dns, ip, email, uri and directory")
            }
        }
    }

    private static func texts(_ json: JSONValue) throws(NameConstraintProblem) -> [String] {
        guard let elements = json.arrayValue, elements.count <= most else {
            throw NameConstraintProblem(description: "must be lists of at most \(most) names")
        }
        var texts: [String] = []
        for element in elements {
            guard let text = element.stringValue, text.utf8.count <= 2048 else {
                throw NameConstraintProblem(description: "must be lists of names")
            }
            texts.append(text)
        }
        return texts
    }

    /// The older form where it suffices, else the newer one.
    var json: JSONValue {
        let (permitted, excluded) = names
        if permitted.isDNSOnly, excluded.isDNSOnly {
            return .array([["permitted": JSONValue(permitted.dns), "excluded": JSONValue(excluded.dns)]])
        }
        return ["permitted": permitted.json, "excluded": excluded.json]
    }
}

extension ConstrainedNames {
    fileprivate var json: JSONValue {
        let members = [
            ("dns", dns), ("ip", ip), ("email", email), ("uri", uri), ("directory", directory),
        ].filter { !$0.1.isEmpty }.map { JSONObject.Member(key: $0.0, value: JSONValue($0.1)) }
        return .object(JSONObject(distinctMembers: members))
    }
}
