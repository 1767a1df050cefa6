/// What may happen to a managed certificate (specification, domain §4.1).
package enum CertificateEvent: Hashable, Sendable {
    /// An issuance or renewal job was opened (C3, C4).
    case renewalOpened
    /// All issuance jobs of the batch are complete (C5).
    case renewed(CertificateValidity)
    /// An issuance job of the batch failed for good (C6).
    case renewalFailed(CertificateValidity)
    /// The job was cancelled (C7).
    case renewalCancelled(CertificateValidity)
    /// Time passed (C8, C9).
    case aged(CertificateValidity)
    case revoked
    case archived
    case unarchived(CertificateValidity)
    case holdReleased(CertificateValidity)
}

/// What the status of a certificate depends on while nothing is under way.
package struct CertificateValidity: Hashable, Sendable {
    /// The earliest `notAfter` among the current versions; `nil` when there is none.
    package let expiresAt: Timestamp?
    /// Created as `Active` without a version: somebody else's certificate that certctl was told of.
    package let isDeclaredActive: Bool
    /// How long before the end the certificate counts as expiring: the larger of the policy's largest alert
    /// threshold and the effective renewal window.
    package let warningWindow: Duration
    package let now: Timestamp

    package init(expiresAt: Timestamp?, isDeclaredActive: Bool = false, warningWindow: Duration, now: Timestamp) {
        self.expiresAt = expiresAt
        self.isDeclaredActive = isDeclaredActive
        self.warningWindow = warningWindow
        self.now = now
    }

    /// The status by validity.
    package var status: CertificateStatus {
        guard let expiresAt else { return isDeclaredActive ? .active : .pending }
        if now >= expiresAt { return .expired }
        return now >= expiresAt - warningWindow ? .expiring : .active
    }

    /// `W` of C8: the larger of the effective renewal window and the largest alert threshold.
    ///
    /// A threshold that is not shorter than the whole validity says nothing about how near the end is (a 30-day
    /// threshold would call a certificate of ten minutes "expiring" from its first second), so it is left out.
    package static func warningWindow(
        alertThresholdsDays: [Int],
        renewalWindowDays: Int,
        validity: Duration
    ) -> Duration {
        let window = RenewalPlan.effectiveWindow(windowDays: renewalWindowDays, validity: validity)
        let thresholds = alertThresholdsDays.map { Duration.days(Int64($0)) }.filter { $0 < validity }
        return max(window, thresholds.max() ?? .zero)
    }
}

extension CertificateStatus {
    /// The transition table C3–C13. No other code decides the status of a certificate after its creation.
    package func after(_ event: CertificateEvent) throws(IllegalCertificateTransition) -> CertificateStatus {
        switch (self, event) {
        case (.pending, .renewalOpened), (.active, .renewalOpened), (.expiring, .renewalOpened),
            (.expired, .renewalOpened), (.failed, .renewalOpened):
            return .renewalInProgress
        case (.renewalInProgress, .renewed(let validity)), (.renewalInProgress, .renewalCancelled(let validity)):
            return validity.status
        case (.renewalInProgress, .renewalFailed(let validity)):
            return validity.status == .expired ? .expired : .failed
        case (.active, .aged(let validity)), (.expiring, .aged(let validity)):
            return validity.status
        case (.failed, .aged(let validity)):
            return validity.status == .expired ? .expired : .failed
        case (.pending, .revoked), (.active, .revoked), (.expiring, .revoked), (.expired, .revoked),
            (.renewalInProgress, .revoked), (.failed, .revoked):
            return .revoked
        case (.pending, .archived), (.active, .archived), (.expiring, .archived), (.expired, .archived),
            (.renewalInProgress, .archived), (.failed, .archived), (.revoked, .archived):
            return .archived
        case (.archived, .unarchived(let validity)), (.revoked, .holdReleased(let validity)):
            return validity.status
        case (.pending, _), (.active, _), (.expiring, _), (.expired, _), (.renewalInProgress, _), (.failed, _),
            (.revoked, _), (.archived, _):
            throw IllegalCertificateTransition(from: self, event: event)
        }
    }
}

/// An event that a certificate in this state cannot take.
package struct IllegalCertificateTransition: Error, Hashable, Sendable {
    package let from: CertificateStatus
    package let event: CertificateEvent

    package init(from: CertificateStatus, event: CertificateEvent) {
        self.from = from
        self.event = event
    }
}
