import Domain
import Testing

@Suite("What an actor may do is a pure function of its entitlements (security §3.3)")
struct RightsTests {
    static let issuer = IssuerID(stored: "iss-a")
    static let other = IssuerID(stored: "iss-b")
    static let profile = ProfileID(stored: "prof-a")
    static let scopes: [GrantScope] = [.global, .issuer(issuer), .issuer(other), .profile(profile)]

    @Test("the table of intersections of grant and role scopes")
    func intersections() {
        let (a, b, p) = (
            GrantScope.issuer(Self.issuer), GrantScope.issuer(Self.other), GrantScope.profile(Self.profile)
        )
        let rows: [(GrantScope, GrantScope, GrantScope?)] = [
            (.global, .global, .global), (.global, a, a), (a, .global, a), (a, a, a), (a, b, nil), (a, p, nil),
            (p, a, nil),
        ]
        for (grant, role, expected) in rows { #expect(grant.intersection(role) == expected, "\(grant) \(role)") }
    }

    @Test(
        "a pair that is no scope is none, never a wider one",
        arguments: [
            ("global", "x"), ("issuer", nil), ("profile", nil), ("team", "x"), ("", nil), ("GLOBAL", nil),
        ] as [(String, String?)])
    func brokenScopes(type: String, id: String?) {
        #expect(GrantScope(type: type, id: id) == nil)
    }

    @Test("an object is covered through its issuer or its profile, and one without scopes only globally")
    func coverage() {
        let narrow = Rights([
            Entitlement(.certRead, .issuer(Self.issuer)), Entitlement(.certRead, .profile(Self.profile)),
        ])
        let reach = narrow.reach(of: .certRead)
        #expect(reach.covers(ObjectScopes(issuer: Self.issuer)))
        #expect(reach.covers(ObjectScopes(issuer: Self.other, profile: Self.profile)))
        #expect(!reach.covers(ObjectScopes(issuer: Self.other)))
        #expect(!reach.covers(ObjectScopes()))
        #expect(Rights([Entitlement(.certRead)]).reach(of: .certRead).covers(ObjectScopes()))
    }

    @Test("without an entitlement there is no clearance, and a clearance carries its reach")
    func clearances() {
        let rights = Rights([Entitlement(.certRead, .issuer(Self.issuer))])
        #expect(rights.clearance(for: .certIssue) == nil)
        #expect(Rights.none.clearance(for: .certRead) == nil)
        let clearance = rights.clearance(for: .certRead)
        #expect(clearance?.reach.isEverywhere == false)
        #expect(throws: ServiceError.self) { try clearance?.require(ObjectScopes(issuer: Self.other), "it") }
        #expect(Clearance.withoutPermission.reach == .nowhere)
    }

    /// Every set of entitlements over two permissions and four scopes: 256 of them.
    static let sets: [Set<Entitlement>] = {
        let all = [Permission.certRead, .certIssue].flatMap { permission in
            scopes.map { Entitlement(permission, $0) }
        }
        return (0..<256).map { bits in Set(all.enumerated().filter { bits >> $0.offset & 1 == 1 }.map(\.element)) }
    }()

    static let objects: [ObjectScopes] = [
        ObjectScopes(), ObjectScopes(issuer: issuer), ObjectScopes(issuer: other),
        ObjectScopes(issuer: other, profile: profile), ObjectScopes(issuer: issuer, profile: profile),
    ]

    @Test("monotone, independent of order, and exactly the union of what is held")
    func properties() {
        for set in Self.sets {
            let rights = Rights(set)
            #expect(rights == Rights(set.reversed()))
            for object in Self.objects {
                let expected = set.contains { held in
                    held.permission == .certRead
                        && (held.scope == .global || held.scope == object.issuer.map { .issuer($0) }
                            || held.scope == object.profile.map { .profile($0) })
                }
                #expect(rights.reach(of: .certRead).covers(object) == expected)
            }
            for more in Self.sets where more.isSuperset(of: set) {
                let missing = Rights(more).missing(of: set)
                #expect(missing.isEmpty, "more entitlements never allow less")
            }
        }
    }

    @Test("what is missing is what the holder does not hold to its full extent")
    func missing() {
        let rights = Rights([Entitlement(.certRead), Entitlement(.certIssue, .issuer(Self.issuer))])
        let wanted = [
            Entitlement(.certRead, .issuer(Self.other)), Entitlement(.certIssue, .issuer(Self.issuer)),
            Entitlement(.certIssue), Entitlement(.certIssue, .issuer(Self.other)), Entitlement(.certRevoke),
        ]
        #expect(rights.missing(of: wanted) == Array(wanted.dropFirst(2)))
    }

    @Test("entitlements are listed by name, a global one alone")
    func listing() {
        let rights = Rights([
            Entitlement(.jobRead, .issuer(Self.other)), Entitlement(.jobRead, .issuer(Self.issuer)),
            Entitlement(.certRead, .issuer(Self.issuer)), Entitlement(.certRead),
        ])
        #expect(
            rights.entitlements == [
                Entitlement(.certRead), Entitlement(.jobRead, .issuer(Self.issuer)),
                Entitlement(.jobRead, .issuer(Self.other)),
            ]
        )
        #expect(rights.globalPermissions == [.certRead])
    }
}
