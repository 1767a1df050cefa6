package import Domain
import Query

/// A team, as stored.
package struct Team: Hashable, Sendable {
    package let id: TeamID
    package let name: String
    package let description: String
    package let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        name = try row.text("name")
        description = try row.text("description")
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }
}

/// What a client decides about a team.
package struct TeamFields: Hashable, Sendable {
    package var name: String
    package var description: String

    package init(name: String, description: String = "") {
        self.name = name
        self.description = description
    }
}

/// A team in a list, with what belongs to it.
package struct TeamListing: Hashable, Sendable {
    package let team: Team
    package let certificateCount: Int
    package let ownerCount: Int
}

/// Which teams a list shows.
package struct TeamFilter: Hashable, Sendable {
    /// Text within the name or the description.
    package var search: String?

    package init(search: String? = nil) { self.search = search }
}

package enum TeamSort: String, ListSort {
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case name

    var key: SQL {
        switch self {
        case .createdAt: "t.created_at"
        case .updatedAt: "t.updated_at"
        case .name: "t.name"
        }
    }
}
