package import ConnectorKit
package import Domain
package import Encoding
package import PKI

/// An issuer that is a tree of CAs. Which of them signs is decided before an order is recorded, so orders go to the
/// connector of that CA; this one stands for the issuer as a whole.
package struct TreeConnector: IssuerConnector {
    package typealias Test = @Sendable () async -> ConnectionCheck

    private let issuer: IssuerID
    private let chain: [X509Certificate]
    private let tests: [Test]

    /// - `chain`: Of the CA that would sign next, the root last; empty when none could.
    /// - `tests`: One for each CA that has a key here.
    package init(issuer: IssuerID, chain: [X509Certificate], tests: [Test]) {
        self.issuer = issuer
        self.chain = chain
        self.tests = tests
    }

    package var capabilities: IssuerCapabilities { LocalCAConnector.capabilities }

    package func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome {
        throw IssuerError(
            .other, "no CA of the tree \(issuer.text) was chosen for this order",
            help: "report this as a defect of certctl")
    }

    package func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome {
        throw IssuerError(
            .validation, "a local CA answers at once and has no order \(order.reference)",
            help: "request the certificate again")
    }

    package func authorityChain() async throws(IssuerError) -> [X509Certificate] {
        guard !chain.isEmpty else {
            throw IssuerError(
                .validation, "the tree \(issuer.text) has no active issuing CA",
                help: "create one with certctl intermediates create")
        }
        return chain
    }

    package func testConnection() async -> [ConnectionCheck] {
        var checks = [
            ConnectionCheck(
                name: "issuing", isOK: !chain.isEmpty,
                detail: chain.first.map { "\($0.subject) signs next" }
                    ?? "the tree has no active issuing CA; create one with certctl intermediates create")
        ]
        for test in tests { checks.append(await test()) }
        return checks
    }
}

extension GenericCAConfig {
    /// What makes an issuer one authority, or says where that one is: each CA of a tree has its own.
    private static let ofOneAuthority = [
        "ca_common_name", "key_algorithm", "ca_validity_days", "ca_cert_path", "ca_key_path", "key_driver", "key_ref",
        "crl_distribution_point_urls", "ocsp_urls", "ca_issuers_urls",
    ]

    /// Members of a configuration that a tree has no use for.
    package static func problemsOfTree(_ config: JSONObject) -> [FieldProblem] {
        ofOneAuthority.filter { name in
            guard let value = config[name], !value.isNull else { return false }
            return value.stringValue != "" && value.arrayValue?.isEmpty != true
        }.map { name in
            FieldProblem(
                pointer: "/config/\(name)", code: "unexpected",
                detail: "is a matter of each CA of a tree; leave it out, and create the CAs as intermediates")
        }
    }
}
