import Domain
package import Encoding

extension Approval {
    /// What a pending edit of a profile would change.
    ///
    /// - `profile`: As it is now; `nil` when there is none.
    /// - Returns: `nil` for what is no pending edit, and for one that no longer fits the profile.
    package func changes(of profile: Profile?) -> [JSONPatch.Operation]? {
        guard state == .pending, case .profileEdit(let terms) = subject else { return nil }
        switch (terms.change, profile) {
        case (.create(let fields), nil): return [JSONPatch.Operation(.add, .root, .object(fields.json))]
        case (.update(let fields, let base), let profile?) where profile.rowVersion == base:
            return JSONPatch.operations(from: .object(profile.fields.json), to: .object(fields.json))
        case (.delete(let base), let profile?) where profile.rowVersion == base:
            return JSONPatch.removal(of: .object(profile.fields.json))
        default: return nil
        }
    }
}
