import Domain
import Testing

@Suite("When a certificate renews by itself (domain §5.2, §5.4)")
struct RenewalPlanTests {
    static let start = Timestamp(secondsSinceEpoch: 1_750_000_000)

    @Test(
        "the window is the policy's, at most a third of the validity",
        arguments: [
            (90, 30, 2_592_000), (47, 30, 1_353_600), (7, 30, 201_600), (398, 365, 11_462_400), (90, 7, 604_800),
        ]
    )
    func effectiveWindow(validityDays: Int64, windowDays: Int, seconds: Int64) {
        let window = RenewalPlan.effectiveWindow(windowDays: windowDays, validity: .days(validityDays))
        #expect(window == .seconds(seconds))
    }

    @Test("a certificate of ten minutes renews in its last third, never at once")
    func tenMinutes() throws {
        for number in 0..<200 {
            let next = RenewalPlan.nextRenewal(
                of: try CertificateID("cert-demo"),
                version: try VersionID("certver-\(number)"),
                notBefore: Self.start,
                notAfter: Self.start + .minutes(10),
                windowDays: 30
            )
            #expect(next >= Self.start + .seconds(400))
            #expect(next < Self.start + .seconds(420))
        }
    }

    @Test("the instant is the same however often it is computed, and differs between versions")
    func deterministicJitter() throws {
        func next(_ version: String) throws -> Timestamp {
            RenewalPlan.nextRenewal(
                of: try CertificateID("cert-a"),
                version: try VersionID(version),
                notBefore: Self.start,
                notAfter: Self.start + .days(90),
                windowDays: 30
            )
        }
        #expect(try next("certver-1") == next("certver-1"))
        #expect(try next("certver-1") != next("certver-2"))
        #expect(try next("certver-1") == Timestamp(microsecondsSinceEpoch: Self.pinnedInstant))
    }

    /// The jitter is part of what is stored, so it may not change between releases.
    static let pinnedInstant: Int64 = 1_755_263_737_678_877

    @Test("a fleet issued at one instant spreads evenly over the first day of its window")
    func fleetSpreads() throws {
        var perHour = [Int](repeating: 0, count: 24)
        for number in 0..<24_000 {
            let next = RenewalPlan.nextRenewal(
                of: try CertificateID("cert-\(number)"),
                version: try VersionID("certver-\(number)"),
                notBefore: Self.start,
                notAfter: Self.start + .days(90),
                windowDays: 30
            )
            perHour[Int((next - (Self.start + .days(60))).inSeconds / 3600)] += 1
        }
        #expect(perHour.allSatisfy { (850...1150).contains($0) }, "\(perHour)")
    }

    @Test(
        "after n failures in a row an hour, doubled, at most a day",
        arguments: [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 24), (60, 24)]
    )
    func failureBackOff(failures: Int, hours: Int64) {
        let next = RenewalPlan.afterFailure(
            failures: failures,
            retryInterval: .minutes(1),
            expiresAt: Self.start + .days(365),
            now: Self.start
        )
        #expect(next == Self.start + .hours(hours))
    }

    @Test("the wait shrinks to a sixth of what remains, and never to a tight loop")
    func failureNearExpiry() {
        func wait(remaining: Duration) -> Duration {
            let end = Self.start + remaining
            let next = RenewalPlan.afterFailure(
                failures: 1,
                retryInterval: .hours(24),
                expiresAt: end,
                now: Self.start
            )
            return next - Self.start
        }
        #expect(wait(remaining: .hours(12)) == .hours(2))
        #expect(wait(remaining: .minutes(3)) == .seconds(30))
        #expect(wait(remaining: .seconds(1)) == .seconds(10))
        #expect(wait(remaining: .seconds(-1)) == .hours(24))
    }
}
