/// Where a grant, or a permission of a role, holds: everywhere, or for one profile or issuer.
package enum GrantScope: Hashable, Sendable {
    case global
    case profile(ProfileID)
    case issuer(IssuerID)

    /// As stored and on the wire: `global`, `profile` or `issuer`.
    package var type: String {
        switch self {
        case .global: "global"
        case .profile: "profile"
        case .issuer: "issuer"
        }
    }

    package var id: String? {
        switch self {
        case .global: nil
        case .profile(let id): id.text
        case .issuer(let id): id.text
        }
    }

    /// The scope of a type and an identifier; `nil` for any pair that is not one, never a wider scope.
    package init?(type: String, id: String?) {
        switch (type, id) {
        case ("global", nil): self = .global
        case ("profile", let id?): self = .profile(ProfileID(stored: id))
        case ("issuer", let id?): self = .issuer(IssuerID(stored: id))
        default: return nil
        }
    }

    /// Where both hold (specification, security §3.3): scopes of different kinds have nothing in common.
    package func intersection(_ other: GrantScope) -> GrantScope? {
        switch (self, other) {
        case (.global, let scope), (let scope, .global): scope
        default: self == other ? self : nil
        }
    }

    /// `issuer:iss-local`, for people.
    package var label: String { id.map { "\(type):\($0)" } ?? type }
}
