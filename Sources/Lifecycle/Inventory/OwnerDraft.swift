import Domain
import Store

/// What a client says about an owner.
package struct OwnerDraft: Sendable {
    package var name: String
    package var email: String
    package var teamID: String

    package init(name: String, email: String, teamID: String) {
        self.name = name
        self.email = email
        self.teamID = teamID
    }

    /// The members as they are stored; `problems` has the reason where one is wrong.
    func checked(into problems: inout FieldProblems) -> OwnerFields {
        let checkedName = problems.checkedName(name)
        let address = email.trimmingBlanks
        if address.isEmpty {
            problems.add("/email", "required", "alerts and the digest go to this address")
        } else if !Self.isDeliverable(address) {
            problems.add("/email", "invalid_email", "must be one address, such as platform@example.com")
        } else {
            problems.checkLength(address, at: "/email", limit: 255)
        }
        return OwnerFields(
            name: checkedName,
            email: address,
            teamID: problems.checkedReference(teamID, at: "/team_id")
        )
    }

    /// One `@`, something before it, and a dotted domain after it.
    static func isDeliverable(_ address: String) -> Bool {
        let octets = Array(address.utf8)
        guard octets.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != 0x2C && $0 != 0x3B }) else { return false }
        let parts = octets.split(separator: 0x40, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { return false }
        let labels = parts[1].split(separator: 0x2E, omittingEmptySubsequences: false)
        return labels.count >= 2 && labels.allSatisfy { !$0.isEmpty && $0.first != 0x2D && $0.last != 0x2D }
    }
}
