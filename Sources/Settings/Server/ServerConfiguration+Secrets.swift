package import Domain

/// Secrets that the operator supplied.
package struct ServerSecrets: Sendable {
    /// `nil`: generated while no administrator exists.
    package let bootstrapToken: Secret?
    /// `nil`: agents enrol with one-time tokens only.
    package let agentBootstrapToken: Secret?
    /// `nil`: generated in the data directory.
    package let encryptionKey: Secret?
    /// Keys that values may be sealed under beside ``encryptionKey``.
    package let previousEncryptionKeys: [Secret]
    /// Where ``encryptionKey`` comes from.
    package let keyProvider: KEKProvider

    /// Values that documents and examples have published.
    private static let published = ["change-me", "changeme", "change_me", "replace-with-", "test-key-", "password123"]
    private static let shortestKey = 32
    private static let shortestToken = 32
    /// A text with fewer different octets was typed, not generated.
    private static let fewestOctets = 8

    /// - `isDemonstration`: Weak secrets are acknowledged.
    init(reading reader: inout SettingReader, needsKey: Bool, isDemonstration: Bool) {
        bootstrapToken = Self.read(ServerSettings.bootstrapToken, isDemonstration, &reader)
        agentBootstrapToken = Self.read(ServerSettings.agentBootstrapToken, isDemonstration, &reader)
        encryptionKey = Self.read(ServerSettings.configEncryptionKey, isDemonstration, &reader)
        if !isDemonstration, let agentBootstrapToken, agentBootstrapToken.count < Self.shortestToken {
            reader.reject(
                ServerSettings.agentBootstrapToken,
                because: "has fewer than \(Self.shortestToken) octets; create one: openssl rand -hex 32")
        }
        previousEncryptionKeys = Self.previous(&reader)
        keyProvider = Self.provider(&reader, isKeyGiven: encryptionKey != nil)
        if needsKey, encryptionKey == nil, !reader.isRejected(ServerSettings.configEncryptionKey) {
            reader.reject(
                ServerSettings.configEncryptionKey,
                because: "must be set with PostgreSQL, because every replica has to read what another one sealed; "
                    + "create one with: openssl rand -base64 32"
            )
        }
    }

    /// Whether everybody can guess the value.
    static func isTrivial(_ text: String) -> Bool { isPublished(text) || Set(text.utf8).count < fewestOctets }

    private static func isPublished(_ text: String) -> Bool {
        published.contains { text.lowercased().hasPrefix($0) }
    }

    private static func read(
        _ setting: Setting<Secret?>, _ isDemonstration: Bool, _ reader: inout SettingReader
    ) -> Secret? {
        guard let secret = reader.read(setting) else { return nil }
        if !isDemonstration, secret.withText(isTrivial) {
            reader.reject(
                setting,
                because: "is a sample value that everybody knows, or has fewer than \(fewestOctets) different "
                    + "characters; create one: openssl rand -base64 32")
        }
        return secret
    }

    private static func previous(_ reader: inout SettingReader) -> [Secret] {
        guard let text = reader.read(ServerSettings.previousEncryptionKeys) else { return [] }
        let keys = text.withText { text in
            text.split { $0 == "," || $0.isNewline }.map { Secret(ListText.trimmed(String($0))) }.filter { !$0.isEmpty }
        }
        if let index = keys.firstIndex(where: { $0.count < shortestKey }) {
            reader.reject(
                ServerSettings.previousEncryptionKeys,
                because: "entry \(index + 1) has fewer than \(shortestKey) octets, so it was never an encryption key")
        }
        return keys
    }

    /// Where the key comes from, which is where it has to come from when the operator said so.
    private static func provider(_ reader: inout SettingReader, isKeyGiven: Bool) -> KEKProvider {
        let found: KEKProvider =
            switch reader.origin(of: ServerSettings.configEncryptionKey) {
            case .environment, .flag: .env
            case .credential: .systemdCredentials
            case .environmentFile(let path): isCredential(path, reader.host) ? .systemdCredentials : .file
            // Nothing is given: the key of the data directory, which is a file.
            case .file, .fallback, nil: .file
            }
        guard let wanted = reader.read(ServerSettings.kekProvider), wanted != found else {
            reader.derive(ServerSettings.kekProvider, found.rawValue)
            return found
        }
        let state = isKeyGiven ? "the encryption key comes from \(found.rawValue)" : "no encryption key is given"
        reader.reject(
            ServerSettings.kekProvider,
            because: "\(wanted.rawValue) is the only allowed source, but \(state)")
        return found
    }

    private static func isCredential(_ path: String, _ host: SettingHost) -> Bool {
        guard let directory = host.environment["CREDENTIALS_DIRECTORY"], directory.hasPrefix("/") else { return false }
        return path.hasPrefix(directory.hasSuffix("/") ? directory : "\(directory)/")
    }
}
