package import ArgumentParser
import Encoding

/// `certctl acme`.
package struct ACMECommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "acme",
        abstract: "The ACME server: accounts, orders, keys for external account bindings.",
        subcommands: [
            ACMEAccountsCommand.self, ACMEOrdersCommand.self, EABCommand.self, ReplaceACMECertificatesCommand.self,
            WithdrawACMEReplacementCommand.self,
        ]
    )

    package init() {}
}

/// The columns of what the commands below list.
private enum ACMEColumns {
    static let accounts = [
        Column("ID", "id"), Column("PROFILE", "profile_id"), Column("STATUS", "status"), Column("KEY", "eab_key_id"),
        Column("OWNER", "owner_id", wide: true), Column("CREATED", "created_at", .time),
    ]
    static let orders = [
        Column("ID", "id"), Column("ACCOUNT", "account_id"), Column("PROFILE", "profile_id"),
        Column("STATUS", "status"), Column("NAMES", "identifiers"), Column("ISSUER", "issuer_id", wide: true),
        Column("CERTIFICATE", "certificate_id", wide: true), Column("CREATED", "created_at", .time),
        Column("ERROR", "error", wide: true),
    ]
    static let order =
        orders + [
            Column("VERSION", "version_id"), Column("EXPIRES", "expires_at", .time), Column("REPLACES", "replaces"),
            Column("REPLACEMENT ASKED", "replacement_asked_at", .time), Column("UPDATED", "updated_at", .time),
        ]
    static let keys = [
        Column("ID", "id"), Column("LABEL", "label"), Column("PROFILE", "profile_id"), Column("USED", "used_count"),
        Column("MOST", "max_accounts"), Column("EXPIRES", "expires_at", .time), Column("REVOKED", "revoked_at", .time),
        Column("ACCOUNT", "bound_account_id", wide: true), Column("OWNER", "owner_id", wide: true),
        Column("CREATED", "created_at", .time, wide: true),
    ]
    static let newKey = [Column("ID", "id"), Column("HMAC KEY", "hmac_key")] + keys.dropFirst()
}

/// `acme accounts`.
struct ACMEAccountsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accounts", abstract: "ACME accounts.",
        subcommands: [ListACMEAccountsCommand.self, DeactivateACMEAccountCommand.self]
    )
}

/// `acme accounts list`.
struct ListACMEAccountsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List ACME accounts.")

    @Option(help: "Accounts under this profile.") var profileID: String?
    @Option(help: "valid, deactivated or revoked.") var status: String?
    @OptionGroup var list: ListOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let filters = [("profile_id", profileID), ("status", status)].compactMap { name, value in
            value.map { (name: name, value: $0) }
        }
        try await ListPrinter(session: session, columns: ACMEColumns.accounts)
            .show(["admin", "acme", "accounts"], filters: filters, options: list)
    }
}

/// `acme accounts deactivate ID`.
struct DeactivateACMEAccountCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "deactivate", abstract: "End an ACME account for good."
    )

    @Argument(help: "Identifier.") var id: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        try session.ask("end the ACME account \(id) with all that it has under way?", unless: yes)
        let answer = try await session.client.call("POST", APIPath(["admin", "acme", "accounts", id, "deactivate"]))
        try session.confirm("ended \(id)", try answer.json())
    }
}

/// `acme orders`.
struct ACMEOrdersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "orders", abstract: "ACME orders.",
        subcommands: [ListACMEOrdersCommand.self, GetACMEOrderCommand.self])
}

/// `acme orders list`.
struct ListACMEOrdersCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List ACME orders.")

    @Option(help: "Orders of this account.") var accountID: String?
    @Option(help: "Orders under this profile.") var profileID: String?
    @Option(help: "pending, ready, processing, valid or invalid.") var status: String?
    @OptionGroup var list: ListOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let filters = [("account_id", accountID), ("profile_id", profileID), ("status", status)].compactMap {
            name, value in
            value.map { (name: name, value: $0) }
        }
        try await ListPrinter(session: session, columns: ACMEColumns.orders)
            .show(["admin", "acme", "orders"], filters: filters, options: list)
    }
}

/// `acme orders get ID`.
struct GetACMEOrderCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show one ACME order.")

    @Argument(help: "Identifier.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call(
            "GET", APIPath(["admin", "acme", "orders", try APIPath.checked(id)]))
        session.console.output(try session.renderer.item(try answer.json(), details: ACMEColumns.order))
    }
}

/// `acme replace`.
struct ReplaceACMECertificatesCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace", abstract: "Have ACME clients renew now.",
        discussion: """
            Clients that ask for renewal information (RFC 9773) renew at their next question; what they hold stays valid. \
            At least one criterion is needed; all that are given have to be met.
            """
    )

    @OptionGroup var criteria: ReplacementCriteria
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        try session.ask("have clients renew these certificates now?", unless: yes)
        let answer = try await session.client.call(
            "POST", APIPath(["admin", "acme", "replacements"]), body: .object(criteria.object))
        let body = try answer.json()
        let count = body["certificates"]?.integerValue ?? 0
        try session.confirm("asked for the replacement of \(count) certificates", body)
    }
}

/// `acme withdraw-replacement`.
struct WithdrawACMEReplacementCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw-replacement", abstract: "Take back that ACME clients renew now.",
        discussion: """
            Clients that have not asked since `acme replace` renew in their own time again; those that have are not stopped. \
            At least one criterion is needed; all that are given have to be met.
            """
    )

    @OptionGroup var criteria: ReplacementCriteria
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call(
            "POST", APIPath(["admin", "acme", "replacements", "withdraw"]), body: .object(criteria.object))
        let body = try answer.json()
        let count = body["certificates"]?.integerValue ?? 0
        try session.confirm("\(count) certificates need not be replaced any more", body)
    }
}

/// Which certificates of ACME clients are meant.
struct ReplacementCriteria: ParsableArguments {
    @Option(help: "Certificates of accounts under this profile.") var profileID: String?
    @Option(help: "Certificates of this account.") var accountID: String?
    @Option(help: "Certificates of this issuer.") var issuerID: String?
    @Option(help: ArgumentHelp("This certificate; repeatable.", valueName: "id")) var certificateID: [String] = []
    @Option(help: "Why, for the audit trail.") var reason: String?

    var object: JSONObject {
        var list = MemberList()
        list.add("profile_id", profileID)
        list.add("account_id", accountID)
        list.add("issuer_id", issuerID)
        if !certificateID.isEmpty { list.add("certificate_ids", JSONValue(certificateID)) }
        list.add("reason", reason)
        return list.object
    }
}

/// `acme eab`.
struct EABCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eab", abstract: "Keys for external account bindings.",
        subcommands: [
            CreateEABKeyCommand.self, ListEABKeysCommand.self, GetEABKeyCommand.self, RevokeEABKeyCommand.self,
        ]
    )
}

/// `acme eab create`.
struct CreateEABKeyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a key; its secret is shown once.",
        discussion: "Give the client the identifier as key id (kid) and the secret as HMAC key, in base64url."
    )

    @Option(help: "What it is for.") var label: String
    @Option(help: "Only accounts under this profile.") var profileID: String?
    @Option(help: "Owner of what its accounts order.") var ownerID: String?
    @Option(help: "Team of what its accounts order.") var teamID: String?
    @Option(help: ArgumentHelp("A pattern of names that its accounts may order; repeatable.", valueName: "pattern"))
    var allow: [String] = []
    @Option(help: "How many accounts it opens.") var maxAccounts: Int?
    @Option(help: ArgumentHelp("When it ends by itself.", valueName: "time")) var expiresAt: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("label", label)
        list.add("profile_id", profileID)
        list.add("owner_id", ownerID)
        list.add("team_id", teamID)
        // A pattern may hold commas.
        if !allow.isEmpty { list.add("allowed_identifiers", JSONValue(allow)) }
        list.add("max_accounts", maxAccounts)
        list.add("expires_at", expiresAt)
        let answer = try await session.client.call(
            "POST", APIPath(["admin", "acme", "eab-keys"]), body: .object(list.object))
        session.console.output(try session.renderer.item(try answer.json(), details: ACMEColumns.newKey))
    }
}

/// `acme eab list`.
struct ListEABKeysCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List keys.")

    @OptionGroup var list: ListOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        try await ListPrinter(session: session, columns: ACMEColumns.keys)
            .show(["admin", "acme", "eab-keys"], filters: [], options: list)
    }
}

/// `acme eab get ID`.
struct GetEABKeyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show one key.")

    @Argument(help: "Identifier.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call(
            "GET", APIPath(["admin", "acme", "eab-keys", try APIPath.checked(id)]))
        session.console.output(try session.renderer.item(try answer.json(), details: ACMEColumns.keys))
    }
}

/// `acme eab revoke ID`.
struct RevokeEABKeyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "End a key; accounts that it opened stay."
    )

    @Argument(help: "Identifier.") var id: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        try session.ask("end the key \(id)? It opens no more accounts.", unless: yes)
        _ = try await session.client.call("DELETE", APIPath(["admin", "acme", "eab-keys", id]))
        try session.confirm("ended \(id)", ["id": .string(id)])
    }
}
