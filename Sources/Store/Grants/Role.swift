package import Domain
import Query

/// A named set of permissions, as stored.
package struct Role: Hashable, Sendable {
    package let id: RoleID
    package let tenantID: String
    package let name: String
    package let description: String
    package let createdAt: Timestamp
    package let updatedAt: Timestamp
    package let rowVersion: Int

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        tenantID = try row.text("tenant_id")
        name = try row.text("name")
        description = try row.text("description")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
        rowVersion = try row.int("row_version")
    }
}

/// A permission of a role by its stored name, which this program need not know.
package struct RolePermission: Hashable, Sendable {
    package let name: String
    package let permissionID: String
    package let scope: GrantScope
}
