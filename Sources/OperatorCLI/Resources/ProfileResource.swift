import ArgumentParser
package import Encoding

package enum Profiles: Resource {
    package typealias Filters = TextFilter
    package static let command = "profiles"
    package static let noun = "profile"
    package static let required = ["name"]
    package static let columns = [
        Column("ID", "id"), Column("NAME", "name"), Column("MAX TTL", "max_ttl_seconds"),
        Column("EKUS", "allowed_ekus", .list), Column("ENABLED", "enabled", .yesOrNo),
        Column("DESCRIPTION", "description", wide: true),
        Column("SAN PATTERNS", "required_san_patterns", .list, wide: true),
        Column("SHORT LIVED", "allow_short_lived", .yesOrNo, wide: true),
        Column("MUST STAPLE", "must_staple_mode", wide: true),
        Column("KEY REUSE", "key_reuse", wide: true), Column("ISSUER", "issuer_id", wide: true),
        Column("WARNINGS", "warnings", .list, wide: true),
    ]

    package struct Members: ParsableArguments, BodyMembers {
        @Option(help: "Unique name.") var name: String?
        @Option(help: "For people.") var description: String?
        @Option(help: "Longest validity in seconds; 0 for no cap.") var maxTTLSeconds: Int?
        @Option(help: "Validity that is given, in seconds; 0 for the issuer's.") var defaultTTLSeconds: Int?
        @Option(help: "Seconds before the issuance at which validity begins.") var backdateSeconds: Int?
        @Option(
            help: ArgumentHelp("Key family, smallest and largest size; repeat it.", valueName: "RSA:2048:4096"))
        var allowedKeyAlgorithm: [String] = []
        @Option(name: .customLong("allowed-ekus"), help: "Extended key usages.") var allowedEKUs: [String] = []
        @Option(name: .customLong("eku-critical"), help: "Whether the extended key usages are critical.")
        var ekuCritical: Bool?
        @Option(name: .customLong("allowed-san-types"), help: "Types of names: dns, ip, email, uri.")
        var allowedSANTypes: [String] = []
        @Option(help: "Pattern that names must match; repeat it.") var requiredSANPattern: [String] = []
        @Option(name: .customLong("max-sans"), help: "Most names of a certificate; 0 for 100.") var maximumSANs: Int?
        @Option(name: .customLong("spiffe-uri-pattern"), help: "The one SPIFFE name, * for a path segment.")
        var spiffeURIPattern: String?
        @Option(help: ArgumentHelp("Subject attribute of every certificate; repeat it.", valueName: "O=Example Ltd"))
        var subjectFixed: [String] = []
        @Option(help: "Subject attributes that a request may bring: C,ST,L,O,OU,…") var subjectAllowed: [String] = []
        @Option(help: ArgumentHelp("The common name: copy, first_san or none.", valueName: "copy"))
        var subjectCN: String?
        @Option(name: .customLong("policy-oids"), help: "Certificate policies to write.") var policyOIDs: [String] = []
        @Option(name: .customLong("key-usages"), help: "Key usages (RFC 5280): digitalSignature, keyEncipherment, …")
        var keyUsages: [String] = []
        @Option(help: ArgumentHelp("What names must lie within, as JSON or @FILE.", valueName: "json"))
        var nameConstraints: String?
        @Option(help: ArgumentHelp("Whether keys may be certified again: allow or forbid.", valueName: "allow"))
        var keyReuse: String?
        @Option(name: .customLong("required-csr-attributes"), help: "Attributes that a request must have.")
        var requiredCSRAttributes: [String] = []
        @Option(help: "For validity below one hour.") var allowShortLived: Bool?
        @Option(help: "Ask clients to insist on OCSP stapling (RFC 7633).") var mustStaple: Bool?
        @Option(help: ArgumentHelp("Must-staple: never, allowed for who asks, or required.", valueName: "allowed"))
        var mustStapleMode: String?
        @Option(name: .customLong("acme-auth-mode"), help: "trust_authenticated or challenge.") var acmeAuthMode:
            String?
        @Option(name: .customLong("acme-require-eab"), help: "Whether ACME accounts need a key of the operator.")
        var acmeRequireEAB: Bool?
        @Option(name: .customLong("acme-challenge-types"), help: "Challenges that prove names.")
        var acmeChallengeTypes: [String] = []
        @Option(name: .customLong("acme-allow-wildcards"), help: "Whether wildcards may be ordered.")
        var acmeAllowWildcards: Bool?
        @Option(name: .customLong("acme-allow-single-label"), help: "Whether names of one label may be ordered.")
        var acmeAllowSingleLabel: Bool?
        @Option(name: .customLong("acme-preauthorization"), help: "Whether names may be authorized ahead of orders.")
        var acmePreauthorization: Bool?
        @Option(name: .customLong("acme-profiles"), help: "Other profiles that its accounts may order under.")
        var acmeProfiles: [String] = []
        @Option(
            name: .customLong("acme-perspectives"),
            help: "Perspectives that confirm proofs of names; none for nobody.")
        var acmePerspectives: [String] = []
        @Option(name: .customLong("acme-perspective-quorum"), help: "How many of them have to confirm; 0: the rule.")
        var acmePerspectiveQuorum: Int?
        @Option(name: .customLong("acme-orders-per-hour"), help: "Orders of all accounts in an hour; 0: no limit.")
        var acmeOrdersPerHour: Int?
        @Option(help: "The only issuer under the profile.") var issuerID: String?
        @Option(name: .customLong("issuing-ca-id"), help: "The CA of that issuer which signs, where it is a tree.")
        var issuingCAID: String?
        @Option(help: "Owner of what protocols enrol.") var ownerID: String?
        @Option(help: "Team of what protocols enrol.") var teamID: String?
        @Option(help: "Renewal policy of what protocols enrol.") var renewalPolicyID: String?
        @Option(help: "Whether a second person decides.") var requiresApproval: Bool?
        @Option(help: "Whether it can be used.") var enabled: Bool?

        package init() {}

        package func members() throws(CLIFailure) -> JSONObject {
            var list = MemberList()
            list.add("name", name)
            list.add("description", description)
            list.add("max_ttl_seconds", maxTTLSeconds)
            if !allowedKeyAlgorithm.isEmpty {
                var rules: [JSONValue] = []
                for text in allowedKeyAlgorithm { rules.append(try Self.rule(text)) }
                list.add("allowed_key_algorithms", .array(rules))
            }
            list.add("allowed_ekus", list: allowedEKUs)
            if !requiredSANPattern.isEmpty { list.add("required_san_patterns", JSONValue(requiredSANPattern)) }
            list.add("allow_short_lived", allowShortLived)
            list.add("must_staple", mustStaple)
            list.add("must_staple_mode", mustStapleMode)
            list.add("enabled", enabled)
            try addTemplate(to: &list)
            addEnrolment(to: &list)
            return list.object
        }

        private func addTemplate(to list: inout MemberList) throws(CLIFailure) {
            list.add("default_ttl_seconds", defaultTTLSeconds)
            list.add("backdate_seconds", backdateSeconds)
            list.add("eku_critical", ekuCritical)
            list.add("allowed_san_types", list: allowedSANTypes)
            list.add("max_sans", maximumSANs)
            list.add("spiffe_uri_pattern", spiffeURIPattern)
            list.add("policy_oids", list: policyOIDs)
            list.add("key_usages", list: keyUsages)
            if let nameConstraints {
                list.add("name_constraints", try RequestBody.object(nameConstraints, option: "name-constraints"))
            }
            list.add("key_reuse", keyReuse)
            list.add("required_csr_attributes", list: requiredCSRAttributes)
            guard !subjectFixed.isEmpty || !subjectAllowed.isEmpty || subjectCN != nil else { return }
            var fixed = JSONObject()
            for text in subjectFixed {
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2 else {
                    throw .usage("--subject-fixed \"\(TerminalText.line(text))\" is not of the form O=Example Ltd")
                }
                fixed[parts[0]] = .string(parts[1])
            }
            var subject = MemberList()
            subject.add("allowed_rdns", list: subjectAllowed)
            subject.add("fixed", .object(fixed))
            subject.add("cn", subjectCN)
            list.add("subject_policy", .object(subject.object))
        }

        private func addEnrolment(to list: inout MemberList) {
            list.add("acme_auth_mode", acmeAuthMode)
            list.add("acme_require_eab", acmeRequireEAB)
            list.add("acme_challenge_types", list: acmeChallengeTypes)
            list.add("acme_allow_wildcards", acmeAllowWildcards)
            list.add("acme_allow_single_label", acmeAllowSingleLabel)
            list.add("acme_preauthorization", acmePreauthorization)
            list.add("acme_profiles", list: acmeProfiles)
            list.add("acme_perspectives", list: acmePerspectives)
            list.add("acme_perspective_quorum", acmePerspectiveQuorum)
            list.add("acme_orders_per_hour", acmeOrdersPerHour)
            list.add("issuer_id", issuerID)
            list.add("issuing_ca_id", issuingCAID)
            list.add("owner_id", ownerID)
            list.add("team_id", teamID)
            list.add("renewal_policy_id", renewalPolicyID)
            list.add("requires_approval", requiresApproval)
        }

        private static func rule(_ text: String) throws(CLIFailure) -> JSONValue {
            let parts = text.split(separator: ":").map(String.init)
            if parts.count == 1 { return ["algorithm": .string(parts[0])] }
            let sizes = parts.dropFirst().compactMap { Int($0) }
            guard parts.count <= 3, sizes.count == parts.count - 1, let smallest = sizes.first else {
                throw .usage(
                    "--allowed-key-algorithm \"\(TerminalText.line(text))\" is not of the form ECDSA:256 or RSA:2048:4096"
                )
            }
            var rule: JSONObject = ["algorithm": .string(parts[0]), "min_size": JSONValue(smallest)]
            if sizes.count == 2 { rule["max_size"] = JSONValue(sizes[1]) }
            return .object(rule)
        }
    }
}
