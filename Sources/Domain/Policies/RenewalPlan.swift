/// When a certificate renews by itself: pure arithmetic over its validity and its policy
/// (specification, domain §5.1, §5.2, §5.4).
package enum RenewalPlan {
    private static let longestJitter = Duration.hours(24)
    private static let longestBackOff = Duration.hours(24)
    private static let shortestBackOff = Duration.hours(1)
    /// Keeps a certificate that is about to expire from being tried in a tight loop.
    private static let shortestRearm = Duration.seconds(10)

    /// The part of the validity in which a certificate is renewed: the policy's window, at most a third of the
    /// validity, so that short-lived certificates are not renewed the moment they are issued.
    package static func effectiveWindow(windowDays: Int, validity: Duration) -> Duration {
        min(.days(Int64(windowDays)), validity / 3)
    }

    /// The instant at which a version is due for renewal: the start of its effective window, plus a share of the
    /// window that depends on the certificate and the version alone.
    ///
    /// A fleet that was issued on one day so does not renew in one minute, and recomputing changes nothing.
    package static func nextRenewal(
        of certificate: CertificateID,
        version: VersionID,
        notBefore: Timestamp,
        notAfter: Timestamp,
        windowDays: Int
    ) -> Timestamp {
        let window = effectiveWindow(windowDays: windowDays, validity: notAfter - notBefore)
        let spread = min(window / 10, longestJitter)
        let share = StableHash.unitInterval(of: certificate.text + "/" + version.text)
        let jitter = Duration.microseconds(Int64(Double(spread.wholeMicroseconds) * share))
        return notAfter - window + jitter
    }

    /// When to try again after a renewal failed for good: an hour, doubled with every failure in a row, at least the
    /// policy's retry interval and at most a day, yet within a sixth of the validity that remains.
    ///
    /// - `failures`: Failures in a row, this one included.
    /// - `expiresAt`: `nil` when the certificate was never issued.
    package static func afterFailure(
        failures: Int,
        retryInterval: Duration,
        expiresAt: Timestamp?,
        now: Timestamp
    ) -> Timestamp {
        var backOff = shortestBackOff
        for _ in 1..<max(1, min(failures, 8)) { backOff *= 2 }
        var wait = min(longestBackOff, max(retryInterval, backOff))
        if let expiresAt, expiresAt > now { wait = min(wait, (expiresAt - now) / 6) }
        return now + max(wait, shortestRearm)
    }
}

/// A hash that is the same in every process and release, unlike `Hasher`.
enum StableHash {
    /// A value in `[0, 1)`: FNV-1a, whose weak high bits are then mixed by the finalizer of SplitMix64.
    static func unitInterval(of text: String) -> Double {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for octet in text.utf8 { hash = (hash ^ UInt64(octet)) &* 0x100_0000_01b3 }
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
        hash ^= hash >> 31
        return Double(hash >> 11) * 0x1p-53
    }
}

/// What decides when a certificate renews by itself.
package struct RenewalInputs: Hashable, Sendable {
    /// One current version, with the slot that holds its key.
    package struct CurrentVersion: Hashable, Sendable {
        package let id: VersionID
        package let notBefore: Timestamp
        package let notAfter: Timestamp
        /// The agent that holds the key; `nil` when a client does.
        package let agentID: AgentID?

        package init(id: VersionID, notBefore: Timestamp, notAfter: Timestamp, agentID: AgentID?) {
            self.id = id
            self.notBefore = notBefore
            self.notAfter = notAfter
            self.agentID = agentID
        }
    }

    package let certificate: CertificateID
    package let status: CertificateStatus
    package let isDeclaredActive: Bool
    package let autoRenew: Bool
    package let windowDays: Int
    /// Agents of the enabled targets: the slots that need a version each.
    package let agents: Set<AgentID>
    package let versions: [CurrentVersion]

    package init(
        certificate: CertificateID,
        status: CertificateStatus,
        isDeclaredActive: Bool,
        autoRenew: Bool,
        windowDays: Int,
        agents: Set<AgentID>,
        versions: [CurrentVersion]
    ) {
        self.certificate = certificate
        self.status = status
        self.isDeclaredActive = isDeclaredActive
        self.autoRenew = autoRenew
        self.windowDays = windowDays
        self.agents = agents
        self.versions = versions
    }
}

extension RenewalPlan {
    /// The value of `next_renewal_at`; `nil` when nothing renews by itself.
    ///
    /// A certificate without targets never does: its key lies with a client (it was issued from a CSR made
    /// elsewhere), and only that client can make the next CSR. A target whose agent holds no key yet makes the
    /// certificate due at once. A certificate that was merely declared active has no known end.
    package static func automaticRenewal(_ inputs: RenewalInputs, now: Timestamp) -> Timestamp? {
        guard inputs.autoRenew, !inputs.agents.isEmpty else { return nil }
        switch inputs.status {
        case .revoked, .archived: return nil
        case .pending, .active, .expiring, .expired, .renewalInProgress, .failed: break
        }
        let bySlot = Dictionary(grouping: inputs.versions, by: \.agentID)
        var earliest: Timestamp?
        for agent in inputs.agents {
            guard let version = bySlot[agent]?.max(by: { $0.notAfter < $1.notAfter }) else {
                return inputs.isDeclaredActive && inputs.versions.isEmpty ? nil : now
            }
            let due = nextRenewal(
                of: inputs.certificate,
                version: version.id,
                notBefore: version.notBefore,
                notAfter: version.notAfter,
                windowDays: inputs.windowDays
            )
            earliest = min(earliest ?? due, due)
        }
        return earliest
    }
}
