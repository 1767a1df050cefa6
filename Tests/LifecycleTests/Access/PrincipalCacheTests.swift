import Domain
import Testing

@testable import Access

@Suite("The cache of verified credentials")
struct PrincipalCacheTests {
    static let start = Timestamp(secondsSinceEpoch: 1_750_000_000)
    static let digest: [UInt8] = [1, 2, 3]
    static let principal = Principal(
        actor: Actor(id: "alice", type: .apiKey),
        credentialID: "ak-1",
        roleIDs: ["r-viewer"],
        permissions: [.certRead]
    )

    static func filled(expiry: Timestamp? = nil) -> PrincipalCache {
        let cache = PrincipalCache()
        cache.store(
            principal,
            for: digest,
            credentialExpiresAt: expiry,
            at: start,
            generation: cache.generation
        )
        return cache
    }

    @Test("an entry lives for five seconds")
    func lifetime() {
        let cache = Self.filled()
        #expect(cache.entry(for: Self.digest, at: Self.start + .seconds(4))?.principal == Self.principal)
        #expect(cache.entry(for: Self.digest, at: Self.start + .seconds(5))?.principal == nil)
    }

    @Test("the credential's own end is honoured to the instant")
    func credentialExpiry() {
        let cache = Self.filled(expiry: Self.start + .seconds(2))
        #expect(cache.entry(for: Self.digest, at: Self.start + .milliseconds(1999))?.principal == Self.principal)
        #expect(cache.entry(for: Self.digest, at: Self.start + .seconds(2))?.principal == nil)
    }

    @Test("an invalidation forgets, and keeps out what was read before it")
    func invalidation() {
        let cache = Self.filled()
        let generation = cache.generation
        cache.invalidate()
        #expect(cache.entry(for: Self.digest, at: Self.start)?.principal == nil)
        cache.store(
            Self.principal,
            for: Self.digest,
            credentialExpiresAt: nil,
            at: Self.start,
            generation: generation
        )
        #expect(cache.entry(for: Self.digest, at: Self.start)?.principal == nil)
    }

    @Test("a clock set back does not prolong an entry")
    func clockSetBack() {
        #expect(Self.filled().entry(for: Self.digest, at: Self.start - .days(1))?.principal == nil)
    }
}
