import Domain
import Encoding
import Query
package import Store

/// What is to be told of a list that comes to its end (protocol-servers §5.2).
package enum RevocationListAlert: Sendable {
    /// Why nobody has to worry any more.
    package enum End: Hashable, Sendable {
        /// The list with this number is in its place.
        case replaced(by: Int)
        /// Nobody asks for it any more: its CA has ended, or there are no delta lists now.
        case needless
    }

    /// Less than a quarter of its validity is left, and no newer one could be made. Told once of a list.
    case ending(EndingList, because: String)
    case over(EndingList, End)
}

extension RevocationListPublisher {
    /// Puts on record which lists of an authority come to their end, each once.
    ///
    /// - Returns: Those that nobody was told of yet.
    func raiseAlerts(
        of authority: AuthorityID, because reason: String, at now: Timestamp, in tx: any Transaction
    ) throws -> [EndingList] {
        let ending = try lists.alert(of: authority, at: now, in: tx)
        for list in ending {
            var details = Self.details(list)
            details["error"] = .string(reason)
            try context.recorder.record(
                .revocationListAlert(.raised, isNode: list.isOfNode), authority.text, details: details, by: .system,
                in: tx)
        }
        return ending
    }

    /// Puts on record that nobody has to worry about a list any more.
    func recordEnd(of list: EndingList, _ end: RevocationListAlert.End, in tx: any Transaction) throws {
        var details = Self.details(list)
        if case .replaced(let number) = end { details["new_crl_number"] = .integer(Int64(number)) }
        try context.recorder.record(
            .revocationListAlert(.closed, isNode: list.isOfNode), list.authorityID.text, details: details, by: .system,
            in: tx)
    }

    /// A device that hangs fails nothing, and its lists end all the same.
    func alertStalled(_ sources: [ListSource]) async throws {
        for source in sources {
            try await alert(
                of: source.authority,
                because: "no signature has come for more than a minute: the key or its device does not answer")
        }
    }

    /// Tells of the lists of an authority that come to their end by now.
    func alert(of authority: AuthorityID, because reason: String) async throws {
        let now = context.time.now
        let isEnding = try await context.database.read { [lists] tx in
            try lists.rows(of: authority, in: tx).contains { $0.alertedAt == nil && $0.endingAt <= now }
        }
        guard isEnding else { return }
        let ending = try await context.database.write { [self] tx in
            try raiseAlerts(of: authority, because: reason, at: now, in: tx)
        }
        for list in ending { tell(.ending(list, because: reason)) }
    }

    /// Takes back what was told of the lists of authorities that make none any more.
    func endAlerts(_ alerted: [EndingList], except makers: Set<AuthorityID>) async throws {
        for list in alerted where !makers.contains(list.authorityID) {
            let isOver = try await context.database.write { [self] tx in
                guard try lists.endAlert(of: list, in: tx) else { return false }
                try recordEnd(of: list, .needless, in: tx)
                return true
            }
            if isOver { tell(.over(list, .needless)) }
        }
    }

    private static func details(_ list: EndingList) -> JSONObject {
        [
            "issuer_id": .string(list.issuerID.text), "scope": .string(list.scope.description),
            "crl_number": .integer(Int64(list.number)), "next_update": .string(list.nextUpdate.rfc3339),
        ]
    }
}

extension EndingList {
    /// Whether it is that of a CA of a tree.
    fileprivate var isOfNode: Bool { authorityID.text != issuerID.text }
}
