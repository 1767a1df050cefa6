package import Domain
import Encoding
package import Query
import Store

/// What a start does about access: it begins or ends a demonstration, in which every caller is an administrator, and
/// audits the risks taken (specification, security §2.6, §15.1).
///
/// The grant of the demonstration's actor is made when one starts and removed whenever a server
/// starts without. Where it is, the database belongs to a demonstration; where it is not and anything else is, none may begin.
package struct BootFlow: Sendable {
    package static let actor = Actor(id: "actor-demo-anon", type: .anonymous)

    /// What every caller is during a demonstration.
    package static let principal = Principal(
        actor: actor, credentialID: nil, roleIDs: [BuiltInRole.admin.rawValue],
        permissions: BuiltInRole.admin.permissions
    )

    private let database: any Database
    private let random: RandomSource
    private let recorder: AccessRecorder

    package init(database: any Database, random: RandomSource) {
        self.database = database
        self.random = random
        recorder = AccessRecorder(random: random)
    }

    /// Makes the grant.
    ///
    /// - Returns: False, and nothing was changed, when the database holds what no demonstration made.
    package func begin() async throws -> Bool {
        try await database.act { [self] tx in
            if try GrantStore().grants(of: Self.actor, in: tx).isEmpty {
                guard try !GrantStore().hasLastingState(in: tx) else { return false }
                try GrantStore().grant(
                    GrantID(generatedAt: tx.now, random: random), role: BuiltInRole.admin.rawValue, to: Self.actor,
                    by: "demo", in: tx)
            }
            try recorder.record("auth.demo_mode_started", "actor", Self.actor.id, by: .system, in: tx)
            return true
        }
    }

    /// Grants that a demonstration left; looks only.
    package func residue() async throws -> Int {
        try await database.read { tx in try GrantStore().grants(of: Self.actor, in: tx).count }
    }

    /// Removes what a demonstration left.
    ///
    /// - Returns: How many grants went.
    package func end() async throws -> Int {
        guard try await residue() > 0 else { return 0 }
        return try await database.act { [recorder] tx in
            let count = try GrantStore().revokeEverything(of: Self.actor, in: tx)
            guard count > 0 else { return 0 }
            for action in ["auth.demo_residual_grants_detected", "auth.demo_residual_grants_cleaned"] {
                try recorder.record(
                    action, "actor", Self.actor.id, details: ["grants": .integer(Int64(count))], by: .system, in: tx)
            }
            return count
        }
    }

    /// Tells the audit log which protections are loosened in the process that starts.
    package func record(_ risks: RiskRegister, of instance: String) async throws {
        guard !risks.flags.isEmpty else { return }
        try await database.act { [recorder] tx in
            try recorder.record(
                "server.risk_flags", "server", instance,
                details: ["flags": .array(risks.flags.map { .string($0.rawValue) })], by: .system, in: tx)
        }
    }
}
