import Domain
import Testing

@testable import Lifecycle

@Suite("RFC 9773 §4: names of certificates, and windows that spread the load")
struct RenewalWindowTests {
    private static let issued = Timestamp(secondsSinceEpoch: 1_800_000_000)

    private static func window(
        days validity: Int64, policy: Int?, spread: Double = 0, age: Duration = .zero
    ) -> ACMERenewalWindow {
        .regular(
            notBefore: issued, notAfter: issued + .days(validity), days: policy, spread: spread, now: issued + age)
    }

    @Test("the example of RFC 9773 §4.1 is read; other spellings are not")
    func names() throws {
        let name = try #require(ACMECertificateName("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"))
        #expect(name.serialNumber == "87654321" && name.authorityKeyIdentifier.count == 20)
        #expect(name.authorityKeyIdentifier.prefix(4) == [0x69, 0x88, 0x5B, 0x6B])
        for wrong in [
            "", ".", "aYhba4dGQEHhs3uEe6CuLN4ByNQ", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.", ".AIdlQyE", "a.b.c",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ=.AIdlQyE", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyF", "a+/b.AIdlQyE",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.h2VDIQ", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AA",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AACHZUMh", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AAEB",
            "AQ.\(String(repeating: "A", count: 300))",
        ] { #expect(ACMECertificateName(wrong) == nil, "\(wrong)") }
    }

    @Test("the window of the policy, or a fraction of the validity where it is too long or there is none")
    func bounds() {
        let policy = Self.window(days: 90, policy: 30)
        #expect(policy.start == Self.issued + .days(60) && policy.end == Self.issued + .days(75))
        for days in [nil, 0, 90, 400] {
            let fraction = Self.window(days: 90, policy: days)
            #expect(fraction.start == Self.issued + .days(60) && fraction.end == Self.issued + .days(80))
        }
    }

    @Test("of a short validity the policy gets a third at most")
    func short() {
        let window = Self.window(days: 48, policy: 30)
        #expect(window.start == Self.issued + .days(32) && window.end == Self.issued + .days(40))
    }

    @Test("it moves by up to a quarter of its length, never before now, and never ends before it begins")
    func spread() {
        for policy in [30, nil] as [Int?] {
            let plain = Self.window(days: 90, policy: policy)
            let moved = Self.window(days: 90, policy: policy, spread: 0.999)
            #expect(moved.start > plain.start && moved.end < Self.issued + .days(90))
            #expect(moved.end - moved.start == plain.end - plain.start)
            #expect(moved.start - plain.start <= (plain.end - plain.start) / 4)
        }
        for age in [59, 61, 74, 76, 89, 91, 400] as [Int64] {
            let window = Self.window(days: 90, policy: 30, spread: 0.5, age: .days(age))
            #expect(window.start >= Self.issued + .days(age) && window.end > window.start, "\(age)")
            #expect(!window.isUrgent)
        }
        let urgent = ACMERenewalWindow.urgent(now: Self.issued)
        #expect(urgent.start < urgent.end && urgent.end < Self.issued && urgent.isUrgent)
    }
}
