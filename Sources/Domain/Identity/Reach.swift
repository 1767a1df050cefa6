/// The scopes that an object lies in: a certificate in those of its issuer and its profile, a job in those of its
/// certificate.
package struct ObjectScopes: Hashable, Sendable {
    package let issuer: IssuerID?
    package let profile: ProfileID?

    package init(issuer: IssuerID? = nil, profile: ProfileID? = nil) {
        self.issuer = issuer
        self.profile = profile
    }
}

/// How far one permission of an actor reaches: the union of the effective scopes of its grants.
package struct Reach: Hashable, Sendable {
    package private(set) var isEverywhere = false
    package private(set) var issuers: Set<IssuerID> = []
    package private(set) var profiles: Set<ProfileID> = []

    package static let nowhere = Reach()
    package static let everywhere = Reach(.global)

    package init() {}

    package init(_ scope: GrantScope) { extend(to: scope) }

    package var isNowhere: Bool { !isEverywhere && issuers.isEmpty && profiles.isEmpty }

    package mutating func extend(to scope: GrantScope) {
        switch scope {
        case .global: isEverywhere = true
        case .profile(let id): profiles.insert(id)
        case .issuer(let id): issuers.insert(id)
        }
    }

    /// Whether the permission holds for an object. An object without scopes needs a permission that holds everywhere.
    package func covers(_ object: ObjectScopes) -> Bool {
        isEverywhere || object.issuer.map(issuers.contains) == true || object.profile.map(profiles.contains) == true
    }

    /// Whether the permission holds throughout a scope.
    package func covers(_ scope: GrantScope) -> Bool {
        switch scope {
        case .global: isEverywhere
        case .profile(let id): isEverywhere || profiles.contains(id)
        case .issuer(let id): isEverywhere || issuers.contains(id)
        }
    }

    /// The scopes, sorted; `global` alone when it holds everywhere.
    package var scopes: [GrantScope] {
        guard !isEverywhere else { return [.global] }
        return issuers.sorted().map { .issuer($0) } + profiles.sorted().map { .profile($0) }
    }
}
