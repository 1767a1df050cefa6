import ArgumentParser
import Encoding
import Settings

/// `intermediates revoke ID`.
struct RevokeIntermediateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Revoke a whole CA; nothing is signed by it or below it any more.",
        discussion: """
            Reasons: unspecified, keyCompromise, caCompromise, affiliationChanged, superseded, cessationOfOperation, \
            privilegeWithdrawn. What it and the CAs below it signed becomes due for renewal by other CAs of the tree. A CA \
            that is no longer needed is retired instead.
            """
    )

    @Argument(help: "Identifier of the CA.") var id: String
    @Option(help: "Why; see above.") var reason: String
    @Option(help: ArgumentHelp("Since when its key is in other hands.", valueName: "time")) var invalidityDate: String?
    @Option(help: "For the audit trail.") var note: String?
    @Flag(help: "Show what would happen, and change nothing.") var dryRun = false
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        let path = APIPath(["intermediates", id, "revoke"])
        var list = MemberList()
        list.add("reason", reason)
        list.add("invalidity_date", invalidityDate)
        list.add("note", note)
        var body = list.object
        body["dry_run"] = true
        let preview = try await session.client.call("POST", path, body: .object(body)).json()
        if dryRun { return try session.confirm("\(id) would be revoked: \(Self.text(preview))", preview) }
        try session.ask(
            "revoke the CA \(id) (\(reason))? Clients will refuse it and everything below it, for good: "
                + "\(Self.text(preview)).",
            unless: yes)
        body["dry_run"] = nil
        let answer = try await session.client.call("POST", path, body: .object(body)).json()
        try session.confirm("\(id) is revoked: \(Self.text(answer))", answer)
    }

    private static func text(_ answer: JSONValue) -> String {
        func count(_ name: String) -> Int64 { answer[name]?.integerValue ?? 0 }
        func names(_ name: String) -> String {
            (answer[name]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: "; ")
        }
        var parts = [
            "\(count("authorities")) CAs below it, \(count("certificates")) certificates, \(count("orders")) open orders; "
                + "\(count("renewals")) renewals hurried, \(count("successors")) CAs go on issuing"
        ]
        let discarded = (answer["discarded"]?.arrayValue ?? []).count
        if discarded > 0 { parts.append("\(discarded) pending CAs given up") }
        let (listed, elsewhere) = (names("listed_by"), names("signed_elsewhere_by"))
        if !listed.isEmpty { parts.append("on the revocation list of \(listed)") }
        if !elsewhere.isEmpty { parts.append("to be revoked elsewhere by \(elsewhere)") }
        return parts.joined(separator: "; ")
    }
}
