package import Domain
import Query

/// The person or group that answers for certificates, as stored.
package struct Owner: Hashable, Sendable {
    package let id: OwnerID
    package let name: String
    package let email: String
    package let teamID: TeamID?
    package let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        name = try row.text("name")
        email = try row.text("email")
        teamID = try row.optionalID("team_id")
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }
}

/// What a client decides about an owner.
package struct OwnerFields: Hashable, Sendable {
    package var name: String
    package var email: String
    package var teamID: TeamID?

    package init(name: String, email: String, teamID: TeamID?) {
        self.name = name
        self.email = email
        self.teamID = teamID
    }
}

/// An owner in a list, with how many certificates are theirs.
package struct OwnerListing: Hashable, Sendable {
    package let owner: Owner
    package let certificateCount: Int
}

/// Which owners a list shows.
package struct OwnerFilter: Hashable, Sendable {
    package var teamIDs: [TeamID]
    /// Text within the name or the e-mail address.
    package var search: String?

    package init(teamIDs: [TeamID] = [], search: String? = nil) {
        self.teamIDs = teamIDs
        self.search = search
    }
}

package enum OwnerSort: String, ListSort {
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case name
    case email

    var key: SQL {
        switch self {
        case .createdAt: "o.created_at"
        case .updatedAt: "o.updated_at"
        case .name: "o.name"
        case .email: "o.email"
        }
    }
}
