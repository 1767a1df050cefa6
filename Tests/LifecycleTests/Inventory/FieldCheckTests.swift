import Domain
import PKI
import Store
import Testing

@testable import Lifecycle

@Suite("Members of requests are checked together")
struct FieldCheckTests {
    @Test("every problem of a policy is reported at once, each with its pointer")
    func policyProblems() {
        var draft = PolicyDraft(name: "  ")
        draft.renewalWindowDays = 366
        draft.maxRetries = 11
        draft.retryIntervalSeconds = 59
        draft.alertThresholdsDays = [30, -1]
        draft.alertChannels = ["loud": ["Email"], "critical": ["Pigeon"]]
        draft.alertSeverityMap = ["07": "critical", "7": "urgent"]
        var problems = FieldProblems()
        _ = draft.checked(into: &problems)
        let error = #expect(throws: ServiceError.self) { try problems.throwIfAny() }
        #expect(error?.code == .validationFailed)
        #expect(
            error?.problems.map(\.pointer) == [
                "/name", "/renewal_window_days", "/max_retries", "/retry_interval_seconds",
                "/alert_thresholds_days/1", "/alert_channels/critical/0", "/alert_channels/loud",
                "/alert_severity_map/07", "/alert_severity_map/7",
            ]
        )
    }

    @Test("absent, zero and empty members of a policy take the defaults")
    func policyDefaults() throws {
        var draft = PolicyDraft(name: " weekly ")
        draft.renewalWindowDays = 0
        draft.alertThresholdsDays = []
        var problems = FieldProblems()
        #expect(draft.checked(into: &problems) == RenewalPolicyFields(name: "weekly"))
        try problems.throwIfAny()
        draft.alertThresholdsDays = [7, 30, 7]
        #expect(draft.checked(into: &problems).alertThresholdsDays == [30, 7])
    }

    @Test(
        "addresses that alerts can reach",
        arguments: [
            ("a@example.com", true), ("first.last+tag@sub.example.org", true), ("", false), ("a", false),
            ("@example.com", false), ("a@", false), ("a@example", false), ("a@b@example.com", false),
            ("a b@example.com", false), ("a@.example.com", false), ("a@example..com", false), ("a@-x.com", false),
            ("a@example.com,b@example.com", false), ("a@example.com\nBcc: x@y.z", false),
        ]
    )
    func email(address: String, isDeliverable: Bool) {
        #expect(OwnerDraft.isDeliverable(address) == isDeliverable)
    }

    @Test(
        "slugs",
        arguments: [
            ("Standard TLS (EU)", "standard-tls-eu"), ("  --a--b  ", "a-b"), ("日本", nil), ("ÄÖ x", "x"), ("", nil),
        ]
    )
    func slug(name: String, slug: String?) {
        #expect(Slug.text(from: name) == slug)
    }

    @Test("a certificate's names are checked by kind and normalised, the common name among them")
    func names() throws {
        var problems = FieldProblems()
        let names = try #require(
            CheckedNames(
                commonName: "WWW.Example.com",
                subjectAltNames: ["10.0.0.1", "www.example.com", "a.example.com"],
                into: &problems
            )
        )
        #expect(names.commonName == "www.example.com")
        #expect(names.subjectAltNames.map(\.text) == ["a.example.com", "www.example.com", "10.0.0.1"])
    }

    @Test(
        "names that cannot be certified",
        arguments: ["", "-a.example.com", "a..example.com", "foo.*.example.com", "https://example.com", "a\u{0}.com"]
    )
    func badCommonName(name: String) {
        var problems = FieldProblems()
        #expect(CheckedNames(commonName: name, subjectAltNames: ["bad name"], into: &problems) == nil)
        let error = #expect(throws: ServiceError.self) { try problems.throwIfAny() }
        #expect(error?.problems.map(\.pointer) == ["/common_name", "/sans/0"])
    }
}
