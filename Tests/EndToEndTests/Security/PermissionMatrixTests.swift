import APIContract
import Domain
import Foundation
import TestSupport
import Testing

/// Every route × every kind of caller, against a real server (specification, security §18).
@Suite("security §3: the permission matrix", .tags(.security))
struct PermissionMatrixTests {
    private static let document = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/reference/permission-matrix.md")

    @Test("the table by hand has every route once, and no other")
    func complete() {
        #expect(PermissionTable.rows.map(\.route).sorted() == RouteTable.all.map(\.id).sorted())
    }

    @Test("the table by hand and the route table name the same permissions")
    func permissions() throws {
        let routes = Dictionary(uniqueKeysWithValues: RouteTable.all.map { ($0.id, $0) })
        for row in PermissionTable.rows {
            let route = try #require(routes[row.route])
            var isAboutOneself = false
            if case .oneself = row.rule { isAboutOneself = true }
            #expect(row.rule.permission == (isAboutOneself ? nil : route.access.permission?.rawValue))
            if let permission = row.rule.permission { #expect(PermissionTable.holders[permission] != nil) }
            #expect(route.path.parameters.count == row.path.count, "\(row.route)")
        }
    }

    @Test("every route answers every caller as the table says, and the published matrix shows it")
    func matrix() async throws {
        let stage = try await PermissionStage()
        // Agents first: what others do may end an agent's credential.
        let callers = PermissionCaller.allCases.sorted { $0 == .agent && $1 != .agent }
        let cells = PermissionTable.rows.flatMap { row in callers.map { (row, $0) } }
        let observed = try await stage.ask(cells)
        var lines: [String: [PermissionCaller: Int]] = [:]
        for ((row, caller), status) in zip(cells, observed) {
            #expect(status == caller.expected(on: row), "\(row.route) asked by \(caller.rawValue)")
            lines[row.route, default: [:]][caller] = status
        }
        await stage.stop()
        let text = Self.render(lines)
        if ProcessInfo.processInfo.environment["CERTCTL_WRITE_PERMISSION_MATRIX"] != nil {
            try text.write(to: Self.document, atomically: true, encoding: .utf8)
        }
        let published = try? String(contentsOf: Self.document, encoding: .utf8)
        #expect(published == text, "stale; run scripts/permission-matrix")
    }

    /// The observed statuses as a page: `✓` where the caller is admitted, else the status that refuses it.
    private static func render(_ lines: [String: [PermissionCaller: Int]]) -> String {
        var text = """
            # Permission matrix

            Every operation and what it answers to each kind of caller, as a running server was observed to answer in
            `PermissionMatrixTests`. Written by `scripts/permission-matrix`; do not edit.

            A tick means that the caller is admitted; a number is the status that refuses it. The seven roles are held
            by API keys, everywhere. *agent* is an enrolled agent that asks about itself, *other agent* one that asks
            about another. The last three columns hold `r-admin` for one issuer or profile only: an object that lies
            elsewhere is not found, a list shows what lies in reach, and operations on things without issuer or profile
            need a role that is held everywhere.


            """
        let callers = PermissionCaller.allCases
        text += "| Operation | Permission | " + callers.map(\.rawValue).joined(separator: " | ") + " |\n"
        text += "|---|---|" + callers.map { _ in ":-:|" }.joined() + "\n"
        let rows = Dictionary(uniqueKeysWithValues: PermissionTable.rows.map { ($0.route, $0) })
        for route in RouteTable.all.sorted(by: {
            ($0.path.text, $0.method.rawValue) < ($1.path.text, $1.method.rawValue)
        }) {
            guard let row = rows[route.id], let statuses = lines[route.id] else { continue }
            let cells = callers.map { caller in
                let status = statuses[caller] ?? 0
                return status == row.admitted && caller.expected(on: row) == row.admitted ? "✓" : "\(status)"
            }
            let permission = route.access.permission.map { "`\($0.rawValue)`" } ?? "–"
            text += "| `\(route.method.rawValue) \(route.path.text)` | \(permission) | "
            text += cells.joined(separator: " | ") + " |\n"
        }
        return text
    }
}

extension PermissionTable.Rule {
    var permission: String? {
        switch self {
        case .open, .anyone, .oneself: nil
        case .everywhere(let name), .list(let name), .object(let name), .issuer(let name), .profile(let name),
            .agent(let name), .ownAgent(let name):
            name
        }
    }
}
