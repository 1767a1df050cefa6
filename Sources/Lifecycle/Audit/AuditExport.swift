import AuditProof
import Crypto
package import Domain
package import Encoding
import Query
package import Store

/// Which events an export writes.
package struct ExportRequest: Sendable {
    package enum Format: String, Sendable { case ndjson, cef, csv }

    package var filter: AuditFilter
    package var format = Format.ndjson
    /// `nil` means every one.
    package var limit: Int?
    package var hasSummary = false

    package init(filter: AuditFilter) { self.filter = filter }
}

/// What an export is about to write: fixed before the first octet.
package struct ExportPlan: Sendable {
    package let request: ExportRequest
    /// Rows that will be written.
    package let rows: Int
    /// Whether that is every row of the filter.
    package let isComplete: Bool
    let end: Int
    let chainHead: String
    let checkpoint: SignedCheckpoint?
}

/// Writes sealed events out, as many as there are, a page at a time (specification, security §9.6).
package struct AuditExport: Sendable {
    private static let page = 500

    private let context: LifecycleContext

    package init(_ context: LifecycleContext) { self.context = context }

    /// Fixes what is exported and writes the export itself into the trail, with its true number of rows.
    package func plan(_ request: ExportRequest, by author: Authorship) async throws -> ExportPlan {
        try await context.write { tx in
            let end = try AuditLedger().size(in: tx)
            let matching = try AuditLog().countSealed(request.filter, below: end, in: tx)
            let rows = min(matching, request.limit ?? .max)
            try context.recorder.record(
                .auditExported, "audit",
                details: [
                    "rows": JSONValue(rows), "complete": .bool(rows == matching),
                    "from": request.filter.since.map { .string($0.rfc3339) } ?? nil,
                    "to": request.filter.until.map { .string($0.rfc3339) } ?? nil,
                    "format": .string(request.format.rawValue),
                ],
                by: author, in: tx)
            return ExportPlan(
                request: request, rows: rows, isComplete: rows == matching, end: end,
                chainHead: try AuditLedger().rowHash(at: end - 1, in: tx),
                checkpoint: try CheckpointStore().latest(in: tx)?.signed)
        }
    }

    /// Writes every row; `render` gives the line of one. `write` may suspend while its reader is slow.
    package func write(
        _ plan: ExportPlan, render: @Sendable (AuditEvent) -> JSONValue, to write: ([UInt8]) async throws -> Void
    ) async throws {
        var digest = SHA256()
        var position: (timestamp: Timestamp, id: AuditEventID)?
        var left = plan.rows
        if plan.request.format == .csv { try await write(Array((AuditCSV.header + "\r\n").utf8)) }
        let end: [UInt8] = plan.request.format == .csv ? [0x0D, 0x0A] : [0x0A]
        var sequences: ClosedRange<Int>?
        while left > 0 {
            let (after, limit) = (position, min(left, Self.page))
            let events = try await context.database.read { tx in
                try AuditLog().sealed(plan.request.filter, below: plan.end, after: after, limit: limit, in: tx)
            }
            guard let last = events.last else { break }
            var octets: [UInt8] = []
            for event in events {
                octets += line(event, plan.request.format, render) + end
                if let seq = event.sequence {
                    sequences = min(sequences?.lowerBound ?? seq, seq)...max(sequences?.upperBound ?? seq, seq)
                }
            }
            digest.update(data: octets)
            try await write(octets)
            position = (last.timestamp, last.id)
            left -= events.count
        }
        guard plan.request.hasSummary else { return }
        let summary: JSONValue = [
            "summary": [
                "rows": JSONValue(plan.rows - left), "complete": .bool(left == 0 && plan.isComplete),
                "first_seq": sequences.map { JSONValue($0.lowerBound) } ?? nil,
                "last_seq": sequences.map { JSONValue($0.upperBound) } ?? nil,
                "chain_head": .string(plan.chainHead), "sha256": .string(Hex.encode(digest.finalize())),
                "checkpoint": plan.checkpoint.map { .string($0.text) } ?? nil,
            ]
        ]
        try await write(summary.octets + [0x0A])
    }

    private func line(
        _ event: AuditEvent, _ format: ExportRequest.Format, _ render: (AuditEvent) -> JSONValue
    ) -> [UInt8] {
        switch format {
        case .ndjson: render(event).octets
        case .cef:
            ExportedEvent(event).map { Array(CEFText(version: Version.number).text($0).utf8) } ?? []
        case .csv: ExportedEvent(event).map { Array(AuditCSV.line($0).utf8) } ?? []
        }
    }
}
