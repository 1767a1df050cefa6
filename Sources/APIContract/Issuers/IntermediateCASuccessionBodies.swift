package import Domain

/// `POST /api/v1/intermediates/{id}/successor`; the body may be absent.
package struct SucceedIntermediateCARequest: WireValue {
    package var name: String?
    package var commonName: String?
    package var algorithm: String?
    package var keyDriver: String?
    package var keyReference: String?
    package var rootPEM: String?
    package var ttlDays = 0
    package var holdHours = 0
    package var isAutomatic = false

    package init() {}

    package static let contract = Contract<Self>(
        "SucceedIntermediateCA", "A CA that is to take the place of another, with a key of its own.",
        [
            .optional(
                "name", \.name, .name, "Unique in its tree; when absent, that of the other with its generation: `G2`."),
            .optional(
                "common_name", \.commonName, .text(1...256, example: "Issuing TLS 1 G2"),
                "Of its subject, whose other members stay; when absent, that of the other with its generation."),
            .optional(
                "algorithm", \.algorithm, .text(1...32, example: "ECDSA-P384"),
                "Kind of its key; that of the other when absent."),
            .optional(
                "key_driver", \.keyDriver, .text(1...32, example: "database"),
                "Where its key is made; required when the key of the other is not in the database."),
            .optional(
                "key_driver_id", \.keyReference, .text(1...2048, example: "pkcs11:token=ca;object=issuing-2"),
                "The key to make in a token; or the key of a root that was made elsewhere."),
            .optional("root_cert_pem", \.rootPEM, .pem, "In place of a root: one that exists, self-signed."),
            .defaulted(
                "ttl_days", \.ttlDays, "Life time; 0 for that of the other's certificate. Never beyond the parent's."),
            .defaulted(
                "hold_hours", \.holdHours,
                "How long it is staged at least, for clients that fetch the CAs and that nobody knows of."),
            .defaulted(
                "automatic", \.isAutomatic,
                "Whether it takes the place by itself, after hold_hours and when every known target trusts it."),
        ]
    )
}

/// A target that has to trust a CA.
package struct CAConsumerBody: WireValue {
    package var targetID = TargetID.unset
    package var targetName = ""
    package var agentID = AgentID.unset
    package var agentName = ""
    package var certificateID = CertificateID.unset
    package var certificateName = ""
    package var isEnabled = true
    package var isTrusting = false
    package var trustedSince: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "CAConsumer", "A target with a file of trusted CAs.",
        [
            .required("target_id", \.targetID, "The target."),
            .required("target_name", \.targetName, .name, "Its name."),
            .required("agent_id", \.agentID, "Who writes the file."),
            .required("agent_name", \.agentName, .name, "Its name."),
            .required("certificate_id", \.certificateID, "The certificate of the tree that is deployed there."),
            .required("certificate_name", \.certificateName, .name, "Its name."),
            .required("enabled", \.isEnabled, "Whether deployments go there."),
            .required("trusts", \.isTrusting, "Whether the file has the certificate of the CA, as the agent said."),
            .optional("trusted_since", \.trustedSince, "When the agent said so last."),
        ]
    )
}

/// `GET /api/v1/intermediates/{id}/consumers`.
package struct CAConsumersAnswer: WireValue {
    package var id = AuthorityID.unset
    package var state = CAState.staged
    package var known = 0
    package var lacking = 0
    package var targets: [CAConsumerBody] = []
    package var unknown = ""

    package init() {}

    package static let contract = Contract<Self>(
        "CAConsumers", "Who has to trust a CA.",
        [
            .required("id", \.id, "The CA."),
            .required("state", \.state, "What it is."),
            .required("known", \.known, "Targets with a file of trusted CAs that follows the tree."),
            .required("lacking", \.lacking, "Of those, the ones whose file does not have the CA yet."),
            .required("targets", \.targets, "Those that lack it first."),
            .required(
                "unknown", \.unknown, .text(0...1024, example: ""), "Who is not counted, because nobody can know."),
        ]
    )
}

/// `POST /api/v1/intermediates/{id}/activate`; the body may be absent.
package struct ActivateIntermediateCARequest: WireValue {
    package var isForced = false
    package var reason: String?

    package init() {}

    package static let contract = Contract<Self>(
        "ActivateIntermediateCA", "When a staged CA takes the place of the one before.",
        [
            .defaulted("force", \.isForced, "Although targets do not trust it yet, or before its time; with a reason."),
            .optional("reason", \.reason, .longText, "For the audit trail."),
        ]
    )
}

/// The answer to an activation.
package struct ActivateIntermediateCAAnswer: WireValue {
    package var id = AuthorityID.unset
    package var state = CAState.active
    package var predecessorID: AuthorityID?
    package var predecessorState: CAState?
    package var known = 0
    package var lacking = 0
    package var renewals = 0
    package var isForced = false

    package init() {}

    package static let contract = Contract<Self>(
        "IntermediateCAActivation", "A CA that took the place of another.",
        [
            .required("id", \.id, "The CA."),
            .required("state", \.state, "What it is by now."),
            .optional("succeeds_ca_id", \.predecessorID, "In whose place it is."),
            .optional("predecessor_state", \.predecessorState, "What that one is by now."),
            .required("known", \.known, "Targets that have to trust it."),
            .required("lacking", \.lacking, "Of those, the ones that do not yet."),
            .required("renewals", \.renewals, "Certificates whose renewal became due now."),
            .required("forced", \.isForced, "Whether it was forced."),
        ]
    )
}
