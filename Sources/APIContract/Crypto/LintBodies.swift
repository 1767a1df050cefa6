import Domain

/// A rule of the linter.
package struct LintBody: WireValue {
    package var rule = ""
    package var severity = ""
    package var defaultSeverity = ""
    package var isAdjustable = false
    package var summary = ""
    package var source = ""

    package init() {}

    package static let contract = Contract<Self>(
        "Lint", "A rule that certificates are held against before they are signed.",
        [
            .required("rule", \.rule, .choice(LintRule.allCases.map(\.rawValue)), "Its name."),
            .required(
                "severity", \.severity, .choice(LintSeverity.allCases.map(\.rawValue)), "What a finding leads to."),
            .required(
                "default_severity", \.defaultSeverity, .choice(LintSeverity.allCases.map(\.rawValue)),
                "What it leads to unless the settings say otherwise."),
            .required("adjustable", \.isAdjustable, "Whether CERTCTL_CA_LINTS may change it."),
            .required(
                "summary", \.summary, .text(1...255, example: "ends after it begins"), "What a certificate is held to."),
            .required("source", \.source, .text(1...255, example: "RFC 5280 §4.1.2.5"), "Where the rule is from."),
        ]
    )
}

/// Something that the linter found.
package struct LintFindingBody: WireValue {
    package var rule = ""
    package var severity = ""
    package var message = ""

    package init() {}

    package static let contract = Contract<Self>(
        "LintFinding", "Something that the linter found.",
        [
            .required("rule", \.rule, .choice(LintRule.allCases.map(\.rawValue)), "The rule."),
            .required("severity", \.severity, .choice(LintSeverity.allCases.map(\.rawValue)), "How severe it is."),
            .required("message", \.message, .text(1...4096, example: "a name occurs twice"), "What is wrong."),
        ]
    )
}
