package import Domain
import Encoding
import Query

extension ACMEAuthMode: Bindable {}

/// What may be issued, as stored.
package struct Profile: Hashable, Sendable {
    package let id: ProfileID
    package let fields: ProfileFields
    package let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        fields = try ProfileFields(row)
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }

    package var mark: ProfileMark {
        ProfileMark(rowVersion: rowVersion, createdAt: createdAt, updatedAt: updatedAt)
    }
}

/// Tells one state of a profile from every other state of it.
package struct ProfileMark: Hashable, Sendable {
    let rowVersion: Int
    let createdAt: Timestamp
    let updatedAt: Timestamp
}

extension ProfileMark {
    init(_ row: Row) throws(DatabaseError) {
        rowVersion = try row.int("profile_row_version")
        createdAt = try row.time("profile_created_at")
        updatedAt = try row.time("profile_updated_at")
    }

    /// Of a row `p` of the profiles.
    static let columns: SQL = """
        p.row_version AS profile_row_version, p.created_at AS profile_created_at, p.updated_at AS profile_updated_at
        """
}

/// Which profiles a list shows.
package struct ProfileFilter: Hashable, Sendable {
    package var enabled: Bool?
    package var search: String?

    package init(enabled: Bool? = nil, search: String? = nil) {
        self.enabled = enabled
        self.search = search
    }
}

package enum ProfileSort: String, ListSort {
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case name

    var key: SQL {
        switch self {
        case .createdAt: "created_at"
        case .updatedAt: "updated_at"
        case .name: "name"
        }
    }
}
