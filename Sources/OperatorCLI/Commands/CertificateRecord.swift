import Encoding

/// The managed certificate that an issuance belongs to.
struct CertificateRecord {
    let session: Session
    let name: String
    let members: IssueMembers

    /// The record of that name, made when there is none; `issuing` lets a new record open its issuance job.
    func findOrCreate(issuing: Bool) async throws(CLIFailure) -> JSONValue {
        if let existing = try await find() {
            session.progress("certificate \(existing["id"]?.stringValue ?? "") exists already")
            return existing
        }
        let (owner, team) = try await responsible()
        var body: JSONObject = [
            "name": .string(name), "common_name": .string(name), "sans": JSONValue(members.san),
            "owner_id": .string(owner), "team_id": .string(team), "issuer_id": .string(members.issuerID),
            "renewal_policy_id": .string(members.renewalPolicyID),
        ]
        if let id = members.id { body["id"] = .string(id) }
        if let profile = members.profileID { body["certificate_profile_id"] = .string(profile) }
        if let environment = members.environment { body["environment"] = .string(environment) }
        if !members.targetID.isEmpty { body["target_ids"] = JSONValue(members.targetID) }
        if issuing { body["issue"] = true }
        let created = try await session.client.call("POST", APIPath(["certificates"]), body: .object(body)).json()
        session.progress("created certificate \(created["id"]?.stringValue ?? "")")
        return created
    }

    private func find() async throws(CLIFailure) -> JSONValue? {
        if let id = members.id {
            do {
                return try await session.client.call("GET", APIPath(["certificates", try APIPath.checked(id)])).json()
            } catch {
                if case .refused(404, _, _) = error { return nil }
                throw error
            }
        }
        let query = [
            (name: "q", value: name), (name: "include_archived", value: "false"), (name: "per_page", value: "500"),
        ]
        let page = try await session.client.call("GET", APIPath(["certificates"], query: query)).json()
        return page["data"]?.arrayValue?.first { $0["name"]?.stringValue == name }
    }

    /// The owner and team given, or the only ones there are; on an empty server both are made.
    private func responsible() async throws(CLIFailure) -> (owner: String, team: String) {
        if let owner = members.ownerID, let team = members.teamID { return (owner, team) }
        let query = [(name: "per_page", value: "2")]
        let page = try await session.client.call("GET", APIPath(["owners"], query: query)).json()
        let owners = page["data"]?.arrayValue ?? []
        if let owner = members.ownerID {
            let found = try await session.client.call("GET", APIPath(["owners", try APIPath.checked(owner)])).json()
            guard let team = found["team_id"]?.stringValue else {
                throw .usage("\(owner) is in no team: add --team-id")
            }
            return (owner, team)
        }
        switch owners.count {
        case 0: return try await makeResponsible()
        case 1:
            let owner = owners[0]["id"]?.stringValue ?? ""
            guard let team = members.teamID ?? owners[0]["team_id"]?.stringValue else {
                throw .usage("the owner \(owner) is in no team: add --team-id")
            }
            return (owner, team)
        default: throw .usage("there are several owners: add --owner-id and --team-id (see certctl owners list)")
        }
    }

    private func makeResponsible() async throws(CLIFailure) -> (owner: String, team: String) {
        let caller = try await session.client.call("GET", APIPath(["auth", "me"])).json()
        let name = caller["actor_id"]?.stringValue ?? "admin"
        let team: String
        if let given = members.teamID {
            team = given
        } else {
            let made = try await session.client.call("POST", APIPath(["teams"]), body: ["name": "default"]).json()
            team = made["id"]?.stringValue ?? ""
        }
        let body: JSONValue = ["name": .string(name), "team_id": .string(team)]
        let owner =
            try await session.client.call("POST", APIPath(["owners"]), body: body).json()["id"]?.stringValue ?? ""
        session.progress("created owner \(owner) in team \(team), because there was none")
        return (owner, team)
    }
}
