import Domain
import Encoding
import PKI

extension KeyPolicy {
    private static let mostProfiles = 32
    private static let mostNames = 256
    private static let longestDays: Int64 = 36_525

    /// - Throws: With what is wrong, also for members that are not known: a limit that is misspelt is no limit.
    init(parsing octets: [UInt8]) throws(KeyPolicyError) {
        let value: JSONValue
        do throws(JSONSyntaxError) { value = try JSONValue(parsing: octets) } catch {
            throw KeyPolicyError("is no JSON: \(error)")
        }
        let object = try Self.members(
            value, "", known: ["purposes", "max_signatures_per_minute", "leaf", "ca", "crl", "ocsp"])
        let names = object["purposes"]?.arrayValue?.compactMap(\.stringValue) ?? []
        guard names.count == object["purposes"]?.arrayValue?.count, let purposes = SigningPurposes(names: names) else {
            throw KeyPolicyError(
                "needs \"purposes\": a list of leaf, ca and crl, or ocsp alone: the key of a responder signs nothing else"
            )
        }
        self.init(purposes: purposes, signaturesPerMinute: try Self.ceiling(object["max_signatures_per_minute"]))
        leafProfiles = try Self.profiles(object["leaf"], "leaf")
        authorityProfiles = try Self.profiles(object["ca"], "ca")
        listLimit = try Self.limit(object["crl"], "crl")
        answerLimit = try Self.limit(object["ocsp"], "ocsp")
    }

    private static func members(
        _ value: JSONValue, _ place: String, known: Set<String>
    ) throws(KeyPolicyError) -> JSONObject {
        let subject = place.isEmpty ? "" : "has \(place), which "
        guard case .object(let object) = value else { throw KeyPolicyError("\(subject)is no JSON object") }
        for member in object.members where !known.contains(member.key) {
            throw KeyPolicyError("\(subject)has the member \"\(member.key)\", which is not known")
        }
        return object
    }

    private static func ceiling(_ value: JSONValue?) throws(KeyPolicyError) -> Int? {
        guard let value, !value.isNull else { return nil }
        guard let number = value.integerValue, (1...Int64(mostPerMinute)).contains(number) else {
            throw KeyPolicyError("has a max_signatures_per_minute that is not from 1 to \(mostPerMinute)")
        }
        return Int(number)
    }

    private static func limit(_ value: JSONValue?, _ place: String) throws(KeyPolicyError) -> ValidityLimit? {
        guard let value else { return nil }
        let object = try members(value, place, known: ["max_validity"])
        guard let longest = object["max_validity"] else { throw KeyPolicyError("has \(place) without a max_validity") }
        return ValidityLimit(longest: try duration(longest, "\(place).max_validity"))
    }

    /// Profiles by their names. An object without any allows no certificate of the kind.
    private static func profiles(
        _ value: JSONValue?, _ kind: String
    ) throws(KeyPolicyError) -> [CertificateProfile]? {
        guard let value else { return nil }
        guard case .object(let object) = value else { throw KeyPolicyError("has \(kind), which is no JSON object") }
        guard object.members.count <= mostProfiles else {
            throw KeyPolicyError("has more than \(mostProfiles) profiles of \(kind)")
        }
        var profiles: [CertificateProfile] = []
        for member in object.members {
            guard (1...64).contains(member.key.utf8.count) else {
                throw KeyPolicyError("has a profile of \(kind) whose name is not of 1 to 64 octets")
            }
            profiles.append(try profile(member.value, member.key, kind))
        }
        return profiles
    }

    private static func profile(
        _ value: JSONValue, _ name: String, _ kind: String
    ) throws(KeyPolicyError) -> CertificateProfile {
        let place = "\(kind).\(name)"
        let common: Set<String> = ["max_validity", "permitted", "excluded", "ekus"]
        let object = try members(value, place, known: kind == "ca" ? common.union(["max_path_length"]) : common)
        var profile = CertificateProfile(name: name)
        if let longest = object["max_validity"] {
            profile.longestValidity = try duration(longest, "\(place).max_validity")
        }
        let (permitted, excluded) = (
            try Self.names(object["permitted"], "\(place).permitted"),
            try Self.names(object["excluded"], "\(place).excluded")
        )
        do throws(NameConstraintError) {
            profile.names = try NameConstraints.make(permitted: permitted, excluded: excluded)
        } catch {
            throw KeyPolicyError("has \(place), whose names are none: \(error)")
        }
        if let ekus = object["ekus"] { profile.purposes = try purposes(ekus, place) }
        if let length = object["max_path_length"] {
            guard let number = length.integerValue, (0...255).contains(number) else {
                throw KeyPolicyError("has a \(place).max_path_length that is not from 0 to 255")
            }
            profile.longestPath = Int(number)
        }
        return profile
    }

    private static func names(_ value: JSONValue?, _ place: String) throws(KeyPolicyError) -> ConstrainedNames {
        var names = ConstrainedNames()
        guard let value else { return names }
        let object = try members(value, place, known: ["dns", "ip", "email", "uri", "directory"])
        names.dns = try texts(object["dns"], place)
        names.ip = try texts(object["ip"], place)
        names.email = try texts(object["email"], place)
        names.uri = try texts(object["uri"], place)
        names.directory = try texts(object["directory"], place)
        // What allows nothing by its form would allow everything by its effect.
        guard !names.isEmpty else { throw KeyPolicyError("has \(place) with a list of names that is empty") }
        return names
    }

    private static func texts(_ value: JSONValue?, _ place: String) throws(KeyPolicyError) -> [String] {
        guard let value else { return [] }
        let texts = value.arrayValue?.compactMap(\.stringValue) ?? []
        guard !texts.isEmpty, texts.count == value.arrayValue?.count, texts.count <= mostNames else {
            throw KeyPolicyError("has \(place) with names that are no list of 1 to \(mostNames) texts")
        }
        return texts
    }

    private static func purposes(_ value: JSONValue, _ place: String) throws(KeyPolicyError) -> Set<OID> {
        var purposes: Set<OID> = []
        for text in try texts(value, "\(place).ekus") {
            guard let usage = ExtendedKeyUsage(rawValue: text) else {
                throw KeyPolicyError("has \(place).ekus with \"\(text)\", which is no purpose")
            }
            purposes.insert(usage.oid)
        }
        return purposes
    }

    /// A whole number of days or hours, such as `90d` or `36h`.
    private static func duration(_ value: JSONValue, _ place: String) throws(KeyPolicyError) -> Duration {
        let text = value.stringValue ?? ""
        guard let unit = text.last, unit == "d" || unit == "h", text.utf8.count <= 8,
            text.dropLast().utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(text.dropLast()),
            number > 0, number <= (unit == "d" ? longestDays : longestDays * 24)
        else { throw KeyPolicyError("has a \(place) that is no number of days or hours such as 90d or 36h") }
        return unit == "d" ? .days(number) : .hours(number)
    }
}
