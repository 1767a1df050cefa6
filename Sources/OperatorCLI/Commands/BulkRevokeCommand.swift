import ArgumentParser
import Domain
import Encoding

/// `certs bulk-revoke [ID…]`.
struct BulkRevokeCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "bulk-revoke",
        abstract: "Revoke every certificate that meets all of the criteria.",
        discussion: "Shows how many there are and asks, then revokes exactly as many, and follows it to its end. "
            + "Reasons: \(RevokeCommand.reasons.joined(separator: ", "))."
    )

    @Argument(help: "Identifiers of certificates.") var ids: [String] = []
    @Option(help: "Why; see above.") var reason: String?
    @Option(help: "Of this profile.") var profileID: String?
    @Option(help: "Of this owner.") var ownerID: String?
    @Option(help: "Deployed by this agent.") var agentID: String?
    @Option(help: "Of this issuer.") var issuerID: String?
    @Option(help: "Of this team.") var teamID: String?
    @Option(help: "Issued through API, Agent, ACME, EST or SCEP; no criterion by itself.") var source: String?
    @Option(help: "In this environment.") var environment: String?
    @Option(help: "In this state.") var status: String?
    @Option(help: ArgumentHelp("That end before this.", valueName: "time")) var expiresBefore: String?
    @Option(help: ArgumentHelp("With this label; may be repeated.", valueName: "key=value")) var tag: [String] = []
    @Option(help: ArgumentHelp("With this key.", valueName: "sha256")) var keyFingerprint: String?
    @Option(help: ArgumentHelp("Since when the keys are in other hands.", valueName: "time")) var invalidityDate:
        String?
    @Flag(help: "Show what would be revoked, and change nothing.") var dryRun = false
    @Flag(help: "Do not follow it to its end.") var noWait = false
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        guard let reason, !reason.isEmpty else {
            throw ValidationError("give --reason, one of \(RevokeCommand.reasons.joined(separator: ", "))")
        }
        let criteria = [
            profileID, ownerID, agentID, issuerID, teamID, environment, status, expiresBefore, keyFingerprint,
        ]
        guard !ids.isEmpty || !tag.isEmpty || criteria.contains(where: { $0 != nil }) else {
            throw ValidationError("give identifiers or at least one criterion; --source alone is none")
        }
        try TagOption.validate(tag)
    }

    private var body: JSONObject {
        var list = MemberList()
        list.add("reason", reason)
        list.add("profile_id", profileID)
        list.add("owner_id", ownerID)
        list.add("agent_id", agentID)
        list.add("issuer_id", issuerID)
        list.add("team_id", teamID)
        list.add("source", source)
        list.add("environment", environment)
        list.add("status", status)
        list.add("expires_before", expiresBefore)
        list.add("key_fingerprint", keyFingerprint)
        list.add("invalidity_date", invalidityDate)
        var body = list.object
        if !ids.isEmpty { body["certificate_ids"] = JSONValue(ids) }
        if !tag.isEmpty { body["tags"] = TagOption.members(tag) }
        return body
    }

    func run(_ session: Session) async throws {
        let path = APIPath(["certificates", "bulk-revoke"])
        var request = body
        request["dry_run"] = true
        let preview = try await session.client.call("POST", path, body: .object(request)).json()
        if dryRun { return try session.confirm(BulkResult(preview).text(verb: "would be revoked"), preview) }
        let counts = BulkResult(preview)
        guard counts.matched > 0 else { throw CLIFailure.usage("no certificate meets the criteria") }
        try session.ask(
            "revoke \(counts.revoked) of \(counts.matched) certificates (\(reason ?? ""))? Clients will refuse them.",
            unless: yes)
        request["dry_run"] = nil
        request["confirm_count"] = JSONValue(counts.matched)
        let begun = try await session.client.call(
            "POST", path, body: .object(request), headers: [("Prefer", "respond-async")]
        ).json()
        try await OperationWatcher(session: session).report(begun, follows: !noWait)
    }
}

/// The counts of a bulk operation.
struct BulkResult {
    let matched: Int
    let revoked: Int
    let skipped: Int
    let failed: Int
    private let errors: [String]

    init(_ answer: JSONValue) {
        func count(_ name: String) -> Int { Int(answer[name]?.integerValue ?? 0) }
        matched = count("total_matched")
        revoked = count("total_revoked")
        skipped = count("total_skipped")
        failed = count("total_failed")
        errors = (answer["errors"]?.arrayValue ?? []).map { error in
            "  \(error["certificate_id"]?.stringValue ?? ""): \(error["error"]?.stringValue ?? "")"
        }
    }

    func text(verb: String) -> String {
        (["\(matched) matched, \(revoked) \(verb), \(skipped) skipped, \(failed) failed"] + errors.prefix(20))
            .joined(separator: "\n")
    }
}

/// Follows an operation on many objects.
struct OperationWatcher {
    private static let pause = Duration.seconds(1)

    let session: Session

    /// Tells what became of an operation, as it stands or when it has ended.
    func report(_ begun: JSONValue, follows: Bool) async throws {
        var operation = begun
        let id = begun["id"]?.stringValue ?? ""
        if state(operation) == "awaiting_approval" {
            let approval = operation["approval_id"]?.stringValue ?? ""
            return try session.confirm("\(id) waits for the approval of a second person: \(approval)", operation)
        }
        var seen = -1
        while follows, state(operation) == "running" {
            let done = Int(operation["progress"]?["done"]?.integerValue ?? 0)
            if done != seen {
                seen = done
                session.progress("\(id): \(done) of \(operation["progress"]?["total"]?.integerValue ?? 0)")
            }
            try await session.environment.time.sleep(Self.pause)
            operation = try await session.client.call("GET", APIPath(["operations", id])).json()
        }
        let result = BulkResult(operation["result"] ?? .null)
        let sentence = "\(id) \(state(operation)): " + result.text(verb: "revoked")
        try session.confirm(sentence, operation)
        if result.failed > 0 {
            throw CLIFailure.partialFailure("\(result.failed) of \(result.matched) certificates could not be revoked")
        }
        if state(operation) == "cancelled" {
            let done = result.revoked + result.skipped
            throw CLIFailure.partialFailure("\(id) was cancelled after \(done) of \(result.matched) certificates")
        }
    }

    private func state(_ operation: JSONValue) -> String { operation["state"]?.stringValue ?? "" }
}
