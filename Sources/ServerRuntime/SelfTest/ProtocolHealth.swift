import Domain
import Logging
import Synchronization
import Telemetry

/// What is served under a protocol, of which a self-test says whether it works.
struct ProtocolSubject: Hashable, Comparable, Sendable {
    enum Name: String, Sendable {
        case acme, crl, ocsp
    }

    let name: Name
    /// A profile, or a CA.
    let profile: String

    /// The name in the answer of the readiness probe.
    var check: String { "protocols.\(name.rawValue).\(profile)" }

    static func < (left: ProtocolSubject, right: ProtocolSubject) -> Bool { left.check < right.check }
}

/// What a self-test saw.
enum SelfTestVerdict: Hashable, Sendable {
    case works
    /// It does not, with the reason for whoever may ask.
    case fails(String)
    /// It says that it will later; that is no failure for ``ProtocolHealth/patience``.
    case notYet(String)
    /// Nothing was learned; what was known stays.
    case unknown
}

/// What self-tests found last, for the readiness probe, the metrics and the log (protocol-servers §11).
final class ProtocolHealth: Sendable {
    /// How long something may say that it is not there yet.
    static let patience = Duration.minutes(1)

    private struct Finding {
        /// `nil`: it works.
        var failure: String?
        /// Since when it has said that it will work later.
        var waitsSince: Timestamp?
        /// Whether it was seen to work, or to fail.
        var isKnown = true
    }

    private let found = Mutex<[ProtocolSubject: Finding]>([:])
    private let runs: MetricFamily<Counter>
    private let log: Logger

    init(_ metrics: MetricsRegistry, log: Logger) {
        self.log = log
        runs = metrics.counter(
            "certctl_protocol_self_tests_total", "Self-tests of protocols, by what they saw.",
            labels: ["protocol", "result"])
        metrics.addCollector("protocol_health") { [weak self] in self?.samples() ?? [] }
    }

    /// What does not work, by the name of the check.
    var complaints: [String: String] {
        found.withLock { found in
            Dictionary(
                uniqueKeysWithValues: found.compactMap { subject, finding in
                    finding.failure.map { (subject.check, $0) }
                })
        }
    }

    /// Whether something fails, or has to be looked at again soon.
    var isUnsettled: Bool {
        found.withLock { $0.values.contains { $0.failure != nil || $0.waitsSince != nil } }
    }

    /// Takes over what all subjects were found to be; what is not among them is served no longer.
    func take(_ verdicts: [ProtocolSubject: SelfTestVerdict], at now: Timestamp) {
        let changes = found.withLock { found in
            var next: [ProtocolSubject: Finding] = [:]
            var changes: [(subject: ProtocolSubject, failure: String?)] = []
            for (subject, verdict) in verdicts {
                let before = found[subject]
                let after = Self.finding(verdict, before, now)
                next[subject] = after
                if after.failure != before?.failure { changes.append((subject, after.failure)) }
            }
            found = next
            return changes
        }
        for (subject, verdict) in verdicts { runs.with(subject.name.rawValue, verdict.word).add() }
        for change in changes.sorted(by: { $0.subject < $1.subject }) { tell(change.subject, change.failure) }
    }

    private static func finding(_ verdict: SelfTestVerdict, _ before: Finding?, _ now: Timestamp) -> Finding {
        switch verdict {
        case .works: return Finding()
        case .fails(let reason): return Finding(failure: reason)
        case .unknown: return before ?? Finding(waitsSince: now, isKnown: false)
        case .notYet(let reason):
            let since = min(before?.waitsSince ?? now, now)
            // What failed before, or was waited for too long, fails.
            let isOver = before?.failure != nil || now - since >= patience
            return Finding(
                failure: isOver ? reason : nil, waitsSince: since, isKnown: isOver || before?.isKnown ?? false)
        }
    }

    private func tell(_ subject: ProtocolSubject, _ failure: String?) {
        let fields = [LogField("protocol", subject.name.rawValue), LogField("profile", subject.profile)]
        if let failure {
            log.log(.error, "a protocol does not work", fields + [LogField("error", failure)])
        } else {
            log.log(.notice, "a protocol works again", fields)
        }
    }

    private func samples() -> [MetricSample] {
        found.withLock { $0 }.filter(\.value.isKnown).sorted { $0.key < $1.key }.map { subject, finding in
            MetricSample(
                "certctl_protocol_healthy", "1 when the last self-test of a protocol succeeded, 0 when it failed.",
                labels: [(name: "protocol", value: subject.name.rawValue), (name: "profile", value: subject.profile)],
                finding.failure == nil ? 1 : 0)
        }
    }
}

extension SelfTestVerdict {
    fileprivate var word: String {
        switch self {
        case .works: "ok"
        case .fails: "failed"
        case .notYet: "not_yet"
        case .unknown: "unknown"
        }
    }
}
