import ArgumentParser
import Encoding

/// `certs revoke`.
struct RevokeCommand: OperatorCommand {
    static let reasons = [
        "unspecified", "keyCompromise", "caCompromise", "affiliationChanged", "superseded", "cessationOfOperation",
        "certificateHold", "privilegeWithdrawn", "aaCompromise",
    ]

    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Revoke a certificate, by identifier, by serial number or by key.",
        discussion: "Reasons: \(reasons.joined(separator: ", ")). Only a certificateHold can be taken back."
    )

    @Argument(help: "Identifier of the certificate.") var id: String?
    @Option(help: "Why; see below.") var reason: String?
    @Option(help: ArgumentHelp("This serial number alone.", valueName: "hex")) var serial: String?
    @Option(help: "With --serial and no identifier: its issuer.") var issuerID: String?
    @Option(help: "With --issuer-id: the CA of a tree that gave the number, when several did.") var issuingCaID: String?
    @Option(help: ArgumentHelp("Every unexpired certificate with this key.", valueName: "sha256")) var spkiSha256:
        String?
    @Flag(help: "All unexpired versions, not only those with a current key.") var allVersions = false
    @Option(help: ArgumentHelp("Since when the key is in other hands.", valueName: "time")) var invalidityDate: String?
    @Option(help: ArgumentHelp("When a serial number that is not in the inventory ends.", valueName: "time"))
    var notAfter: String?
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        guard let reason, !reason.isEmpty else {
            throw ValidationError("give --reason, one of \(Self.reasons.joined(separator: ", "))")
        }
        let ways = [id != nil, id == nil && serial != nil, spkiSha256 != nil].count { $0 }
        guard ways == 1 else {
            throw ValidationError("give an identifier, or --issuer-id with --serial, or --spki-sha256")
        }
        if id == nil, serial != nil, issuerID == nil { throw ValidationError("--serial alone needs --issuer-id") }
        if issuerID != nil, id != nil || serial == nil { throw ValidationError("--issuer-id goes with --serial alone") }
        if allVersions, id == nil || serial != nil {
            throw ValidationError("--all-versions goes with an identifier and without --serial")
        }
        if issuingCaID != nil, issuerID == nil { throw ValidationError("--issuing-ca-id goes with --issuer-id") }
        if notAfter != nil, issuerID == nil { throw ValidationError("--not-after goes with --issuer-id and --serial") }
    }

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("reason", reason)
        list.add("serial_number", serial)
        list.add("invalidity_date", invalidityDate)
        let path: APIPath
        let what: String
        if let id {
            path = APIPath(["certificates", try APIPath.checked(id), "revoke"])
            what = "the certificate \(id)" + (serial.map { ", serial number \($0)" } ?? "")
        } else {
            path = APIPath(["revocations"])
            what = spkiSha256.map { "every certificate with the key \($0)" } ?? "the serial number \(serial ?? "")"
            list.add("issuer_id", issuerID)
            list.add("issuing_ca_id", issuingCaID)
            list.add("spki_sha256", spkiSha256)
            list.add("not_after", notAfter)
        }
        var body = list.object
        if allVersions { body["all_versions"] = true }
        let isHold = reason == "certificateHold" || reason?.lowercased() == "certificate_hold"
        try session.ask(
            "revoke \(what)? Clients will refuse it\(isHold ? " until it is released" : ", and it can't be undone").",
            unless: yes)
        try session.confirmChange(try await session.client.call("POST", path, body: .object(body)).json())
    }
}

/// `certs release ID`.
struct ReleaseCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "End the hold of a certificate."
    )

    @Argument(help: "Identifier of the certificate.") var id: String?
    @Option(help: ArgumentHelp("This serial number alone.", valueName: "hex")) var serial: String?
    @Option(help: "With --serial and no identifier: its issuer.") var issuerID: String?
    @Option(help: "With --issuer-id: the CA of a tree that gave the number, when several did.") var issuingCaID: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        guard (id != nil) != (issuerID != nil && serial != nil) else {
            throw ValidationError("give an identifier, or --issuer-id with --serial")
        }
        if issuingCaID != nil, issuerID == nil { throw ValidationError("--issuing-ca-id goes with --issuer-id") }
    }

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("serial_number", serial)
        let path: APIPath
        if let id {
            path = APIPath(["certificates", try APIPath.checked(id), "release"])
        } else {
            path = APIPath(["revocations"])
            list.add("issuer_id", issuerID)
            list.add("issuing_ca_id", issuingCaID)
            list.add("reason", "removeFromCRL")
        }
        try session.confirmChange(try await session.client.call("POST", path, body: .object(list.object)).json())
    }
}

/// `certs revocations`.
struct RevocationsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "revocations",
        abstract: "List what is revoked, newest first."
    )

    private static let columns = [
        Column("SERIAL", "serial_number"), Column("ISSUER", "issuer_id"), Column("CERTIFICATE", "certificate_id"),
        Column("REASON", "reason"), Column("REVOKED", "revoked_at", .time), Column("BY", "revoked_by"),
        Column("RELEASED", "released_at", .time), Column("UPSTREAM", "notification"),
        Column("ID", "id", wide: true), Column("ATTEMPTS", "notify_attempts", wide: true),
        Column("NEXT", "next_notify_at", .time, wide: true), Column("ERROR", "notify_error", wide: true),
        Column("ENDS", "not_after", .time, wide: true), Column("KEY", "spki_sha256", wide: true),
    ]

    @Option(help: "Issuer.") var issuerID: String?
    @Option(help: "Certificate.") var certificateID: String?
    @Option(help: "Reason.") var reason: String?
    @Option(help: ArgumentHelp("Serial number.", valueName: "hex")) var serial: String?
    @Option(help: "How far the issuer was told: none, pending, done, refused or expired.") var notification: String?
    @OptionGroup var list: ListOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let options = [
            ("issuer_id", issuerID), ("certificate_id", certificateID), ("reason", reason), ("serial", serial),
            ("notification", notification),
        ]
        let filters = options.compactMap { name, value in value.map { (name: name, value: $0) } }
        try await ListPrinter(session: session, columns: Self.columns)
            .show(["revocations"], filters: filters, options: list)
    }
}

/// `certs retry-revocation ID`.
struct RetryRevocationCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry-revocation",
        abstract: "Tell the issuer of a revocation again, at once.",
        discussion: "Only issuers that are no authorities of the server itself are told. "
            + "'certs revocations -o wide' lists the identifiers."
    )

    @Argument(help: "Identifier of the revocation, rev-….") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(["revocations", try APIPath.checked(id), "retry"])
        let revocation = try await session.client.call("POST", path).json()
        let serial = revocation["serial_number"]?.stringValue ?? ""
        try session.confirm("the issuer will be told of \(serial)", revocation)
    }
}

extension Session {
    fileprivate func confirmChange(_ answer: JSONValue) throws {
        let verb = answer["status"]?.stringValue ?? "revoked"
        let serials = (answer["serials"]?.arrayValue ?? []).compactMap(\.stringValue)
        try confirm(serials.map { "\(verb) \($0)" }.joined(separator: "\n"), answer)
    }
}
