package import Domain

extension ACMEChallengeType: WireEnum {}
extension KeyReuse: WireEnum {}
extension MustStapleMode: WireEnum {}
extension SANType: WireEnum {}
extension SubjectAttribute: WireEnum {}
extension SubjectPolicy.CommonName: WireEnum {}

/// What a profile says about the subject.
package struct SubjectPolicyBody: WireValue, Hashable {
    package var allowedRDNs: [SubjectAttribute] = []
    package var fixed: [String: String] = [:]
    package var commonName = SubjectPolicy.CommonName.copy

    package init() {}

    package init(_ policy: SubjectPolicy) {
        allowedRDNs = policy.allowed
        fixed = Dictionary(uniqueKeysWithValues: policy.fixed.map { ($0.key.rawValue, $0.value) })
        commonName = policy.commonName
    }

    package static let contract = Contract<Self>(
        "SubjectPolicy", "What the subject of a certificate holds.",
        [
            .defaulted("allowed_rdns", \.allowedRDNs, "Attributes that a request may bring; others are refused."),
            .defaulted(
                "fixed", \.fixed, Schema(.map(of: .text(1...256, example: "Example Ltd"), maximum: 10)),
                "Attributes of every certificate, by C ST L O OU SN title serialNumber UID emailAddress."),
            .defaulted("cn", \.commonName, "Where the common name comes from."),
        ]
    )
}

/// One line of the key allow-list.
package struct KeyRuleBody: WireValue, Hashable {
    package var algorithm = KeyAlgorithm.ecdsa
    package var minimumSize = 0
    package var maximumSize: Int?

    package init() {}
    package init(_ rule: KeyRule) {
        algorithm = rule.algorithm
        minimumSize = rule.minSize
        maximumSize = rule.maxSize
    }

    package var rule: KeyRule { KeyRule(algorithm: algorithm, minSize: minimumSize, maxSize: maximumSize) }

    package static let contract = Contract<Self>(
        "KeyRule", "A family of keys and its sizes.",
        [
            .required("algorithm", \.algorithm, "Family."),
            .defaulted("min_size", \.minimumSize, .integer(0...32_768), "Bits; keys of one size need none."),
            .optional("max_size", \.maximumSize, .integer(0...32_768), "Most bits; absent for any."),
        ]
    )
}

/// Shapes that profile types share.
enum ProfileMembers {
    static let keys = Schema.list(KeyRuleBody.wireSchema, maximum: 16)
    static let ekus = Schema.list(.text(1...64, example: "serverAuth"), maximum: 32)
    static let patterns = Schema.list(.text(1...512, example: "glob:*.example.com"), maximum: 100)
    static let attributes = Schema.list(.text(1...64, example: "1.2.840.113549.1.9.7"), maximum: 32)
    static let policies = Schema.list(.text(1...128, example: "2.23.140.1.2.1"), maximum: 16)
    static let usages = Schema.list(.text(1...32, example: "digitalSignature"), maximum: 9)
    static let profiles = Schema.list(.id, maximum: 20)
    static let perspectives = Schema.list(.text(1...32, example: "eu"), maximum: 16)
    static let quorum = Schema.integer(0...16)
    static let hourly = Schema.integer(0...1_000_000)
    static let names = Schema.integer(0...100)
    static let backdate = Schema.integer(0...86_400)
    static let seconds = Schema.integer(0...3_155_760_000)
}
