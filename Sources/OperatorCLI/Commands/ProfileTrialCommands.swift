import ArgumentParser
import Encoding
import Settings

/// Members that a profile is tried with.
private func proposal(
    _ input: String?, _ members: Profiles.Members, _ session: Session
) throws(CLIFailure) -> JSONValue? {
    let object = try BodySource.object(input, members, session)
    return object.isEmpty ? nil : .object(object)
}

/// `profiles check ID`.
struct ProfileCheckCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Which certificates a profile would refuse at their next renewal; exit 1 when there are any.",
        discussion: "Options and --input are members as they would be changed; nothing is saved."
    )

    @Argument(help: "Identifier.") var id: String
    @Option(help: "Refusals to show; the rest is counted.") var limit = 100
    @OptionGroup var members: Profiles.Members
    @Option(help: ArgumentHelp("JSON merge patch (RFC 7396) in a file; - for standard input.", valueName: "file"))
    var input: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        guard limit >= 0 else { throw ValidationError("--limit must not be negative") }
    }

    func run(_ session: Session) async throws {
        let path = APIPath(["profiles", try APIPath.checked(id), "check"])
        var body: JSONObject = [:]
        if let proposal = try proposal(input, members, session) { body["profile"] = proposal }
        var (examined, refused) = (0, 0)
        var rules: [String: Int] = [:]
        var refusals: [JSONValue] = []
        repeat {
            body["limit"] = JSONValue(min(500, limit - refusals.count))
            let answer = try await session.client.call("POST", path, body: .object(body)).json()
            examined += answer["examined"]?.integerValue.map(Int.init) ?? 0
            refused += answer["refused"]?.integerValue.map(Int.init) ?? 0
            refusals += answer["refusals"]?.arrayValue ?? []
            for rule in answer["rules"]?.arrayValue ?? [] {
                guard let code = rule["code"]?.stringValue else { continue }
                rules[code, default: 0] += rule["certificates"]?.integerValue.map(Int.init) ?? 0
            }
            body["cursor"] = answer["next_cursor"]
        } while body["cursor"] != nil
        let counts = rules.sorted { $0.key < $1.key }
        let whole: JSONValue = [
            "examined": JSONValue(examined), "refused": JSONValue(refused),
            "rules": .array(counts.map { ["code": .string($0.key), "certificates": JSONValue($0.value)] }),
            "refusals": .array(refusals), "total": JSONValue(refused),
        ]
        session.console.output(
            try session.renderer.list(whole, rows: refusals.map(Self.row), columns: Self.columns))
        let breakdown = counts.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        session.progress(
            "\(refused) of \(examined) certificates would be refused" + (counts.isEmpty ? "" : " (\(breakdown))"))
        if refused > 0 {
            throw CLIFailure.notSound("\(refused) of \(examined) certificates would be refused at their next renewal")
        }
    }

    /// A refusal with its violations as lines for people.
    private static func row(_ refusal: JSONValue) -> JSONValue {
        guard var members = refusal.objectValue else { return refusal }
        let violations = members["violations"]?.arrayValue ?? []
        members["reasons"] = .array(
            violations.map { .string("\($0["code"]?.stringValue ?? ""): \($0["detail"]?.stringValue ?? "")") })
        members["codes"] = .array(violations.compactMap { $0["code"] })
        members["id"] = members["certificate_id"]
        return .object(members)
    }

    private static let columns = [
        Column("ID", "certificate_id"), Column("NAME", "name"), Column("EXPIRES", "expires_at", .time),
        Column("RULES", "codes", .list), Column("REASONS", "reasons", .list),
        Column("COMMON NAME", "common_name", wide: true), Column("ISSUER", "issuer_id", wide: true),
    ]
}

/// `profiles evaluate ID FILE`.
struct ProfileEvaluateCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "What a profile makes of a certification request; exit 1 when it refuses it.",
        discussion: "Options and --input are members as they would be changed; nothing is saved, nothing is issued."
    )

    @Argument(help: "Identifier.") var id: String
    @Argument(help: "PEM file with the request; - for standard input.") var file: String
    @Option(help: ArgumentHelp("The certificate that it would be for.", valueName: "id")) var forCertificate: String?
    @Option(help: ArgumentHelp("The issuer that would sign it.", valueName: "id")) var fromIssuer: String?
    @Flag(help: "As if it came in by ACME.") var acme = false
    @OptionGroup var members: Profiles.Members
    @Option(help: ArgumentHelp("JSON merge patch (RFC 7396) in a file.", valueName: "file")) var input: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var body: JSONObject = [
            "csr_pem": .string(try RequestBody.text(at: file, session)), "path": .string(acme ? "acme" : "direct"),
        ]
        if let forCertificate { body["certificate_id"] = .string(forCertificate) }
        if let fromIssuer { body["issuer_id"] = .string(fromIssuer) }
        if let proposal = try proposal(input, members, session) { body["profile"] = proposal }
        let path = APIPath(["profiles", try APIPath.checked(id), "evaluate"])
        let answer = try await session.client.call("POST", path, body: .object(body)).json()
        var shown = answer.objectValue ?? [:]
        if [.table, .wide].contains(session.configuration.format) {
            shown["reasons"] = .array((answer["violations"]?.arrayValue ?? []).compactMap { $0["detail"] })
        }
        session.console.output(try session.renderer.item(.object(shown), details: Self.details))
        guard answer["verdict"]?.stringValue == "issued" else {
            throw CLIFailure.notSound("the profile refuses the request")
        }
    }

    private static let details = [
        Column("VERDICT", "verdict"), Column("REASONS", "reasons", .list), Column("ISSUER", "issuer_id"),
        Column("KEY", "key.algorithm"), Column("KEY SIZE", "key.size"), Column("SUBJECT", "template.subject"),
        Column("NAMES", "template.names", .list), Column("EKUS", "template.extended_key_usages", .list),
        Column("TTL SECONDS", "template.ttl_seconds"), Column("MUST STAPLE", "template.must_staple", .yesOrNo),
        Column("POLICIES", "template.policy_oids", .list),
        Column("KEY USAGES", "template.key_usages", .list), Column("NO REVOCATION", "template.no_rev_avail", .yesOrNo),
        Column("SPKI SHA256", "spki_sha256"),
    ]
}
