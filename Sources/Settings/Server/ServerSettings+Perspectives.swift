package import Domain

/// From where else in the network proofs of names are looked at (protocol-servers §2.8).
extension ServerSettings {
    package static let acmePerspectives = Setting<[String]>(
        "acme.server.perspectives",
        .perspectives,
        fallback: [],
        derived: "none: the server alone looks",
        reload: .hot,
        help:
            "Perspectives whose agents confirm each proof of a name besides, as NAME=AGENT with the name or the identifier of an "
            + "agent; a name that comes several times has several agents, of which one answers. Clients learn the names."
    )
    package static let acmePerspectiveQuorum = Setting<Int>(
        "acme.server.perspective_quorum",
        .int.within(0...ACMEPerspectiveConfiguration.most),
        fallback: 0,
        reload: .hot,
        help:
            "How many perspectives have to confirm; 0: all but one of two to five, all but two of more, as the CA/Browser Forum "
            + "has it."
    )

    static let perspectiveSettings: [SettingDeclaration] = [
        acmePerspectives.declaration, acmePerspectiveQuorum.declaration,
    ]
}

/// From where else in the network proofs of names are looked at.
package struct ACMEPerspectiveConfiguration: Sendable {
    static let most = 16

    /// Empty: the server alone looks.
    package let perspectives: [ACMEPerspective]
    /// 0: the rule of the CA/Browser Forum.
    package let quorum: Int

    init(reading reader: inout SettingReader) {
        let entries = reader.read(ServerSettings.acmePerspectives).compactMap(Self.entry)
        var names: [String] = []
        for entry in entries where !names.contains(entry.name) { names.append(entry.name) }
        perspectives = names.map { name in
            ACMEPerspective(name: name, agents: entries.filter { $0.name == name }.map(\.agent))
        }
        quorum = reader.read(ServerSettings.acmePerspectiveQuorum)
        if Set(entries.map(\.agent)).count < entries.count {
            reader.reject(
                ServerSettings.acmePerspectives, because: "an agent stands at one perspective, and is named once")
        }
        if names.count > Self.most {
            reader.reject(ServerSettings.acmePerspectives, because: "there are at most \(Self.most) perspectives")
        }
        if quorum > names.count {
            reader.reject(
                ServerSettings.acmePerspectiveQuorum,
                because: "only \(names.count) perspectives are named in CERTCTL_ACME_SERVER_PERSPECTIVES")
        }
    }

    /// `NAME=AGENT`.
    static func entry(_ text: String) -> (name: String, agent: String)? {
        guard let sign = text.firstIndex(of: "=") else { return nil }
        let (name, agent) = (String(text[..<sign]), String(text[text.index(after: sign)...]))
        guard ACMEPerspective.isName(name), (1...128).contains(agent.count) else { return nil }
        return (name, agent)
    }
}

extension ValueGrammar where Value == [String] {
    /// Perspectives with their agents.
    static let perspectives = Self.items(
        of: "a comma-separated list of NAME=AGENT, the name of at most 32 of a-z 0-9 -",
        where: { ACMEPerspectiveConfiguration.entry($0) != nil }
    )
}
