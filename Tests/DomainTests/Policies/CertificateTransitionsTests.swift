import Domain
import Testing

@Suite("Certificate status follows the table C3–C13 (domain §4.1)")
struct CertificateTransitionsTests {
    static let now = Timestamp(secondsSinceEpoch: 1_750_000_000)

    static func validity(_ remaining: Duration?, declared: Bool = false) -> CertificateValidity {
        CertificateValidity(
            expiresAt: remaining.map { now + $0 },
            isDeclaredActive: declared,
            warningWindow: .days(30),
            now: now
        )
    }

    @Test(
        "by validity",
        arguments: [
            (validity(nil), CertificateStatus.pending), (validity(nil, declared: true), .active),
            (validity(.days(31)), .active), (validity(.days(30)), .expiring), (validity(.days(1)), .expiring),
            (validity(.zero), .expired), (validity(.days(-3)), .expired),
        ]
    )
    func byValidity(validity: CertificateValidity, status: CertificateStatus) {
        #expect(validity.status == status)
    }

    static let events: [CertificateEvent] = [
        .renewalOpened, .renewed(validity(.days(90))), .renewalFailed(validity(.days(5))),
        .renewalFailed(validity(.zero)), .renewalCancelled(validity(nil)), .aged(validity(.days(5))),
        .aged(validity(.zero)), .revoked, .archived, .unarchived(validity(.days(90))),
        .holdReleased(validity(.days(90))),
    ]

    /// Rows: states. Columns: `events`, in that order.
    static let table: [CertificateStatus: [CertificateStatus?]] = [
        .pending: [.renewalInProgress, nil, nil, nil, nil, nil, nil, .revoked, .archived, nil, nil],
        .active: [.renewalInProgress, nil, nil, nil, nil, .expiring, .expired, .revoked, .archived, nil, nil],
        .expiring: [.renewalInProgress, nil, nil, nil, nil, .expiring, .expired, .revoked, .archived, nil, nil],
        .expired: [.renewalInProgress, nil, nil, nil, nil, nil, nil, .revoked, .archived, nil, nil],
        .renewalInProgress: [
            nil, .active, .failed, .expired, .pending, nil, nil, .revoked, .archived, nil, nil,
        ],
        .failed: [.renewalInProgress, nil, nil, nil, nil, .failed, .expired, .revoked, .archived, nil, nil],
        .revoked: [nil, nil, nil, nil, nil, nil, nil, nil, .archived, nil, .active],
        .archived: [nil, nil, nil, nil, nil, nil, nil, nil, nil, .active, nil],
    ]

    @Test("every status × event pair", arguments: CertificateStatus.allCases, events.indices)
    func transition(status: CertificateStatus, event: Int) throws {
        let row = try #require(Self.table[status])
        #expect((try? status.after(Self.events[event])) == row[event])
    }

    @Test("a threshold that is longer than the whole validity does not make a certificate expiring from birth")
    func warningWindow() {
        func window(_ validity: Duration) -> Duration {
            CertificateValidity.warningWindow(
                alertThresholdsDays: [30, 14, 7, 0],
                renewalWindowDays: 30,
                validity: validity
            )
        }
        #expect(window(.days(90)) == .days(30))
        #expect(window(.days(47)) == .days(30))
        #expect(window(.days(21)) == .days(14))
        #expect(window(.minutes(9)) == .minutes(3))
    }
}
