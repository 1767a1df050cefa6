/// A place in the network from which agents look at proofs of names besides the control plane.
package struct ACMEPerspective: Hashable, Sendable {
    /// In a profile, in the place of names: nobody else looks.
    package static let nobody = "none"

    /// Known to clients: of 1 to 32 of `a-z 0-9 -`.
    package let name: String
    /// Names or identifiers of the agents that stand there. Whichever of them takes a question up first answers it.
    package let agents: [String]

    package init(name: String, agents: [String]) {
        self.name = name
        self.agents = agents
    }

    /// Whether the settings appoint an agent for it.
    package func isAt(_ agent: AgentID, named name: String) -> Bool {
        agents.contains(name) || agents.contains(agent.text)
    }

    // MARK: Where agents say that they stand

    private static let capability = "vantage:"

    /// What an agent at a perspective announces among its capabilities.
    package static func capability(at vantage: String) -> String { capability + vantage }

    /// Where an agent with these capabilities stands; `nil` for one that looks at no proofs.
    package static func vantage(in capabilities: [String]) -> String? {
        capabilities.lazy.filter { $0.hasPrefix(capability) }.map { String($0.dropFirst(capability.count)) }
            .first { isName($0) }
    }

    /// Whether a text can name a perspective.
    package static func isName(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D }
    }
}

/// How many perspectives have to confirm what the control plane saw (CA/Browser Forum, ballot SC-067).
package struct ACMEQuorum: Hashable, Sendable {
    package enum Decision: Hashable, Sendable { case met, missed, open }

    package let asked: Int
    package let needed: Int

    /// - `wanted`: How many the operator demands; 0 for the rule of the ballot: of up to five perspectives one may not
    ///   confirm, of six or more two; one alone has to.
    package init(of asked: Int, wanted: Int) {
        self.asked = asked
        let tolerated = asked >= 6 ? 2 : asked >= 2 ? 1 : 0
        needed = wanted > 0 ? min(wanted, asked) : asked - tolerated
    }

    /// - `refused`: Those that saw something else. Who says nothing stands in the way of no decision until time is up.
    package func decision(confirmed: Int, refused: Int) -> Decision {
        if confirmed >= needed { return .met }
        return asked - refused < needed ? .missed : .open
    }
}

/// What an agent at a perspective is asked to look at.
package enum ACMEPerspectivePurpose: String, Sendable, CaseIterable {
    /// The proof of a name, and the CAA records where the control plane looks at them.
    case proof
    /// The CAA records alone, of a name that was proved long ago (RFC 8659 §4).
    case caa
}

/// What an agent says of a proof: a vote, and nothing else.
package enum ACMEVerdict: String, Sendable, CaseIterable { case confirmed, refused }

/// Why an agent does not confirm a proof: the problems of RFC 8555 §6.7 that a look can end with.
package enum ACMEPerspectiveFault: String, Sendable, CaseIterable {
    case caa, connection, dns, incorrectResponse, rejectedIdentifier, tls, unauthorized

    /// In words of ours: no text of an agent reaches a client.
    package var words: String {
        switch self {
        case .caa: "CAA records forbid the certificate"
        case .connection: "there is no connection to the name"
        case .dns: "the DNS does not tell"
        case .incorrectResponse: "there is something else in the place of the proof"
        case .rejectedIdentifier: "the name can't be validated"
        case .tls: "the TLS handshake fails"
        case .unauthorized: "there is no proof"
        }
    }
}
