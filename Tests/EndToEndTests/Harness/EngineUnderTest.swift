import DatabaseTestSupport
import Domain
import Foundation
import TestSupport

/// The engines that a test runs on: both, unless `CERTCTL_TEST_ENGINES` says otherwise.
enum EngineUnderTest: String, CaseIterable, Sendable {
    case sqlite
    case postgres

    static var available: [EngineUnderTest] {
        guard let chosen = ProcessInfo.processInfo.environment["CERTCTL_TEST_ENGINES"] else { return allCases }
        return allCases.filter { chosen.contains($0.rawValue) }
    }

    /// A fresh database; `nil` lets the server use its embedded one.
    func makeDatabaseURL() async throws -> String? {
        switch self {
        case .sqlite: nil
        case .postgres: try await TestDatabase.makePostgresURL().withText { $0 }
        }
    }

    /// PostgreSQL servers need the sealing key from outside, because replicas must share it.
    var environment: [String: String] {
        switch self {
        case .sqlite: [:]
        case .postgres: ["CERTCTL_CONFIG_ENCRYPTION_KEY": "0123456789abcdef-0123456789abcdef-tests"]
        }
    }
}
