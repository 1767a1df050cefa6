package import Domain
package import PKI
package import Query
import Store

/// Keeps the files of trusted CAs of targets as the trees of their issuers are, and lets successors that may do so by themselves
/// take their places (ADR-0037).
///
/// Everything is found from the rows: a server that dies in between leaves what the next look finds. What a deployment did not
/// bring about is tried again after an hour, or when the tree changes.
package struct TrustUpkeep: Sendable {
    /// Deployments that one look opens for one tree.
    private static let batch = 200
    private static let pause = Duration.hours(1)

    private let context: LifecycleContext
    private let deploy: DeployFlow
    private let hierarchy: HierarchyFlow

    package init(_ context: LifecycleContext, hierarchy: HierarchyFlow) {
        self.context = context
        self.hierarchy = hierarchy
        deploy = DeployFlow(context)
    }

    package var loop: Loop {
        Loop(
            name: .trustUpkeep, interval: .seconds(10), budget: .minutes(2), placement: .leader,
            tick: { _ in try await tick() })
    }

    package func tick() async throws -> LoopOutcome {
        var rows = 0
        for issuer in try await context.read({ tx in try TrustHoldingStore().trees(in: tx) }) {
            try Task.checkCancellation()
            rows += try await spread(issuer)
        }
        for node in try await context.read({ tx in try IntermediateCAStore().dueForActivation(in: tx) }) {
            try Task.checkCancellation()
            do {
                _ = try await hierarchy.activate(node.id, by: .system)
                rows += 1
            } catch is ServiceError {
                // Somebody lacks it still, or it was given up: the next look tells.
            }
        }
        return LoopOutcome(rows: rows)
    }

    private func spread(_ issuer: IssuerID) async throws -> Int {
        let stale = try await context.read { tx in
            let changed = try IntermediateCAStore().all(of: issuer, in: tx).map(\.updatedAt).max() ?? tx.now
            return try TrustHoldingStore().stale(
                of: issuer, Set(try TrustBundle.certificates(of: issuer, in: tx).map(\.fingerprintSHA256)),
                notTriedAfter: max(changed, tx.now - Self.pause), limit: Self.batch, in: tx)
        }
        var opened = 0
        for (certificate, target) in stale {
            try Task.checkCancellation()
            do {
                opened += try await deploy.deploy(certificate, to: target, trigger: .schedule, by: .system).count
            } catch is ServiceError {
                // It was detached, revoked or disabled in between.
            }
        }
        return opened
    }
}

/// What whoever trusts a tree has to trust.
package enum TrustBundle {
    /// Of the CAs that sign, will sign or have signed what still counts, in the order in which they came. Empty for an issuer that
    /// is no tree.
    package static func certificates(of issuer: IssuerID, in tx: any Transaction) throws -> [X509Certificate] {
        try IntermediateCAStore().trusted(of: issuer, in: tx).compactMap(\.certPEM).map { try X509Certificate(pem: $0) }
    }
}
