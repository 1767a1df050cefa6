package import Domain
import PKI

/// What a client says about a new managed certificate.
package struct CertificateDraft: Sendable {
    package var id: String?
    package var name: String
    package var commonName: String
    package var subjectAltNames: [String]
    package var environment: String
    package var ownerID: String
    package var teamID: String
    package var issuerID: String
    package var renewalPolicyID: String
    package var profileID: String?
    package var targetIDs: [String]
    package var tags: [String: String]
    /// `Pending`, or `Active` for a certificate that exists elsewhere and was only told of.
    package var status: CertificateStatus
    /// Opens the first issuance in the same transaction.
    package var issue: Bool

    package init(
        name: String,
        commonName: String,
        subjectAltNames: [String] = [],
        ownerID: String,
        teamID: String,
        issuerID: String,
        renewalPolicyID: String
    ) {
        self.name = name
        self.commonName = commonName
        self.subjectAltNames = subjectAltNames
        self.ownerID = ownerID
        self.teamID = teamID
        self.issuerID = issuerID
        self.renewalPolicyID = renewalPolicyID
        environment = ""
        targetIDs = []
        tags = [:]
        status = .pending
        issue = false
    }
}

/// What a client changes of a managed certificate.
package struct CertificateChange: Sendable {
    package var name: FieldUpdate<String> = .keep
    package var commonName: FieldUpdate<String> = .keep
    package var subjectAltNames: FieldUpdate<[String]> = .keep
    package var environment: FieldUpdate<String> = .keep
    package var ownerID: FieldUpdate<String> = .keep
    package var teamID: FieldUpdate<String> = .keep
    package var issuerID: FieldUpdate<String> = .keep
    package var renewalPolicyID: FieldUpdate<String> = .keep
    package var profileID: FieldUpdate<String?> = .keep
    /// Replaces the whole set when set.
    package var targetIDs: FieldUpdate<[String]> = .keep
    package var tags: FieldUpdate<[String: String]> = .keep

    package init() {}
}

/// Names as they are stored and signed: every name of its kind, normalised, the common name among them.
struct CheckedNames: Sendable {
    let commonName: String
    /// Sorted and without duplicates; the common name is repeated here when it is a DNS name, an address or an
    /// e-mail address (RFC 9525 ignores the common name).
    let subjectAltNames: [SubjectAltName]

    static let mostNames = 100

    /// Checks every name by kind, or reports each that is wrong.
    init?(commonName: String, subjectAltNames: [String], into problems: inout FieldProblems) {
        var names: [SubjectAltName] = []
        var isSound = true
        if commonName.isEmpty {
            problems.add("/common_name", "required", "must not be empty")
            isSound = false
        } else {
            do {
                let name = try SubjectAltName(classifying: commonName)
                if name.kind == .uri {
                    problems.add(
                        "/common_name", "invalid_hostname",
                        "must be a host name, an address, an e-mail address or the upn: name of a user")
                    isSound = false
                }
                names.append(name)
            } catch {
                problems.add("/common_name", "invalid_hostname", "\(error)")
                isSound = false
            }
        }
        if subjectAltNames.count > Self.mostNames {
            problems.add("/sans", "too_many", "at most \(Self.mostNames) names")
            isSound = false
        }
        for (index, text) in subjectAltNames.prefix(Self.mostNames).enumerated() {
            do {
                names.append(try SubjectAltName(classifying: text))
            } catch {
                problems.add("/sans/\(index)", "invalid_san", "\(error)")
                isSound = false
            }
        }
        guard isSound, let first = names.first else { return nil }
        self.commonName = first.text
        self.subjectAltNames = SubjectAltName.canonicalOrder(names)
    }
}

extension FieldProblems {
    mutating func checkTags(_ tags: [String: String]) {
        if tags.count > 64 { add("/tags", "too_many", "at most 64 tags") }
        for (key, value) in tags.sorted(by: { $0.key < $1.key }).prefix(65) {
            let pointer = "/tags/" + key.asPointerToken
            if !Self.isTagKey(key) {
                add(pointer, "invalid_tag", "a key has 1 to 63 of A-Z a-z 0-9 . _ / -")
            }
            checkLength(value, at: pointer, limit: 255)
        }
    }

    private static func isTagKey(_ key: String) -> Bool {
        (1...63).contains(key.utf8.count)
            && key.utf8.allSatisfy { octet in
                (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
                    || (0x2D...0x2F).contains(octet) || octet == 0x5F
            }
    }

    mutating func checkEnvironment(_ environment: String) {
        checkLength(environment, at: "/environment", limit: 50)
    }
}
