package import Domain
import Encoding
package import Query
import Store

/// What becomes of keys that nobody uses (`CERTCTL_API_KEY_UNUSED_DISABLE`).
package struct UnusedKeyRule: Hashable, Sendable {
    package let after: Duration
    /// They are switched off, and not only spoken of.
    package let disables: Bool

    package init(after: Duration, disables: Bool) {
        self.after = after
        self.disables = disables
    }
}

/// Something about a key that a person should hear.
package struct KeyNotice: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case expiring(at: Timestamp)
        case expired
        case unused(since: Timestamp)
        case switchedOff(unusedSince: Timestamp)
    }

    package let name: String
    package let kind: Kind
}

/// Speaks of keys that are about to end, and ends the use of keys that nobody uses (specification, security §2.2).
///
/// Each notice is an audit event and an event for whoever may list keys. Running twice says nothing twice.
package struct KeyUpkeep: Sendable {
    /// Keeps a leader that was replaced from writing.
    package typealias Guard = @Sendable (any Transaction) throws -> Void

    private static let batch = 200

    private let context: AccessContext
    private let unused: UnusedKeyRule?
    private let notify: @Sendable (KeyNotice) -> Void
    private let keys = KeyStore()
    private let notices = KeyNoticeStore()

    /// - `unused`: `nil`: nobody looks at how long a key was not used.
    /// - `notify`: Hears of each notice after its transaction.
    package init(
        _ context: AccessContext, unused: UnusedKeyRule?, notify: @escaping @Sendable (KeyNotice) -> Void = { _ in }
    ) {
        self.context = context
        self.unused = unused
        self.notify = notify
    }

    /// How many notices were made.
    package func run(_ fence: @escaping Guard) async throws -> Int {
        let ends = try await noteEnds(fence)
        guard let unused else { return ends }
        return ends + (try await lookAfterUnused(unused, fence))
    }

    // MARK: Ends

    private func noteEnds(_ fence: @escaping Guard) async throws -> Int {
        var count = 0
        var position: String? = ""
        while let after = position {
            try Task.checkCancellation()
            let (found, last) = try await context.database.write { [self] tx -> ([KeyNotice], String?) in
                try fence(tx)
                let page = try notices.ending(
                    before: tx.now + KeyNoticeStore.horizon, after: after, limit: Self.batch, in: tx)
                let found = try page.compactMap { try noteEnd(of: $0, in: tx) }
                return (found, page.count < Self.batch ? nil : page.last?.id.text)
            }
            for notice in found { notify(notice) }
            count += found.count
            position = last
        }
        return count
    }

    private func noteEnd(of key: APIKey, in tx: any Transaction) throws -> KeyNotice? {
        guard let end = key.expiresAt, let kind = Self.kind(until: end - tx.now, of: end - key.createdAt),
            try notices.note(kind, of: key.id, about: end, in: tx)
        else { return nil }
        let details: JSONObject = ["expires_at": .string(end.rfc3339)]
        guard kind == .expired else {
            try record("auth.key_expiring", "api_key.expiring", key, details, in: tx)
            return KeyNotice(name: key.name, kind: .expiring(at: end))
        }
        try record("auth.key_expired", "api_key.expired", key, details, in: tx)
        return KeyNotice(name: key.name, kind: .expired)
    }

    /// Which notice is due. A key that was made for less than a notice's time is not spoken of so early.
    static func kind(until left: Duration, of life: Duration) -> KeyNoticeKind? {
        if left <= .zero { return .expired }
        let stages: [(span: Duration, kind: KeyNoticeKind)] = [
            (.days(1), .expiresInDay), (.days(7), .expiresInWeek), (KeyNoticeStore.horizon, .expiresInMonth),
        ]
        guard let due = stages.first(where: { left <= $0.span }), life > due.span else { return nil }
        return due.kind
    }

    // MARK: Keys that nobody uses

    private func lookAfterUnused(_ rule: UnusedKeyRule, _ fence: @escaping Guard) async throws -> Int {
        var count = 0
        var position: String? = ""
        while let after = position {
            try Task.checkCancellation()
            let page = try await context.database.read { [notices] tx in
                try notices.unused(since: tx.now - rule.after, after: after, limit: Self.batch, in: tx)
            }
            for key in page {
                // What the environment declares it alone switches off.
                let notice =
                    rule.disables && key.origin == .api
                    ? try await switchOff(key, rule, fence) : try await noteUnused(key, fence)
                guard let notice else { continue }
                notify(notice)
                count += 1
            }
            position = page.count < Self.batch ? nil : page.last?.id.text
        }
        return count
    }

    private func switchOff(
        _ key: APIKey, _ rule: UnusedKeyRule, _ fence: @escaping Guard
    ) async throws -> KeyNotice? {
        do {
            let isOff = try await context.database.write { [self] tx in
                try fence(tx)
                return try context.escalation.keepingAnAdministrator(in: tx) {
                    // It may have been used, changed or replaced since it was found.
                    guard let stored = try keys.lock(name: key.name, in: tx), stored.id == key.id,
                        try notices.isUnused(key.id, since: tx.now - rule.after, in: tx)
                    else { return false }
                    var change = KeyChange(of: stored)
                    change.isDisabled = true
                    _ = try keys.update(key.id, change, expecting: nil, in: tx)
                    try record(
                        "auth.key_unused_disabled", "api_key.disabled", key,
                        ["unused_since": .string(key.lastSign.rfc3339)], in: tx)
                    return true
                }
            }
            context.authenticator.invalidate()
            return isOff ? KeyNotice(name: key.name, kind: .switchedOff(unusedSince: key.lastSign)) : nil
        } catch let error as ServiceError where error.code == .lastAdministrator {
            // Somebody must be able to get in.
            return try await noteUnused(key, fence)
        }
    }

    private func noteUnused(_ key: APIKey, _ fence: @escaping Guard) async throws -> KeyNotice? {
        try await context.database.write { [self] tx in
            try fence(tx)
            guard try notices.note(.unused, of: key.id, about: key.lastSign, in: tx) else { return nil }
            try record(
                "auth.key_unused", "api_key.unused", key, ["unused_since": .string(key.lastSign.rfc3339)], in: tx)
            return KeyNotice(name: key.name, kind: .unused(since: key.lastSign))
        }
    }

    private func record(
        _ action: String, _ event: String, _ key: APIKey, _ details: JSONObject, in tx: any Transaction
    ) throws {
        var details = details
        details["name"] = .string(key.name)
        try context.recorder.record(action, "api_key", key.id.text, details: details, by: .system, in: tx)
        let outbox = EventOutbox()
        let told = NewEvent(
            type: event, resourceType: "api_key", subject: key.id.text, actor: Authorship.system.actor, data: details)
        try outbox.append([told], in: tx)
        try outbox.wakeReaders(in: tx)
    }
}

extension APIKey {
    /// When it was last used, or made.
    fileprivate var lastSign: Timestamp { lastUsedAt ?? createdAt }
}
