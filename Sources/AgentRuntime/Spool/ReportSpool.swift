import Domain
import Encoding

/// Terminal reports that the control plane has not acknowledged yet, one file for each attempt.
struct ReportSpool: Sendable {
    /// More than any outage leaves behind on one host; beyond it the oldest report gives way.
    static let limit = 1000
    private static let suffix = ".json"
    /// Takes a file that no agent wrote out of the way, for a person to look at.
    private static let damagedSuffix = ".damaged"

    let folder: DurableFolder

    func prepare() throws { try folder.prepare() }

    /// Stores a report durably; the same attempt replaces its earlier report.
    ///
    /// - Returns: The reports that had to give way.
    @discardableResult
    func store(_ report: TerminalReport) throws -> [TerminalReport] {
        try folder.write(Self.name(report.job, report.attempt), octets: report.json.octets)
        let waiting = try reports()
        guard waiting.count > Self.limit else { return [] }
        let displaced = Array(waiting.prefix(waiting.count - Self.limit))
        for report in displaced { try remove(report.job, attempt: report.attempt) }
        return displaced
    }

    /// The waiting reports, oldest first. A damaged file is set aside.
    func reports() throws -> [TerminalReport] {
        var reports: [TerminalReport] = []
        for name in try folder.names() where name.hasSuffix(Self.suffix) {
            guard let octets = try folder.read(name) else { continue }
            if let json = try? JSONValue(parsing: octets), let report = TerminalReport(json: json) {
                reports.append(report)
            } else {
                try folder.rename(name, to: name + Self.damagedSuffix)
            }
        }
        return reports.sorted { ($0.finishedAt, $0.job, $0.attempt) < ($1.finishedAt, $1.job, $1.attempt) }
    }

    /// The jobs of the waiting reports.
    func jobs() throws -> [JobID] {
        try folder.names().compactMap { name in
            guard name.hasSuffix(Self.suffix), let end = name.lastIndex(of: "@") else { return nil }
            return try? JobID(String(name[..<end]))
        }
    }

    func contains(_ job: JobID, attempt: Int) throws -> Bool { try folder.exists(Self.name(job, attempt)) }

    func remove(_ job: JobID, attempt: Int) throws { try folder.remove(Self.name(job, attempt)) }

    /// Drops reports of earlier attempts: delivered late, they would speak about the attempt that runs now.
    func removeReports(of job: JobID, before attempt: Int) throws {
        for report in try reports() where report.job == job && report.attempt < attempt {
            try remove(job, attempt: report.attempt)
        }
    }

    /// `@` occurs in no identifier.
    private static func name(_ job: JobID, _ attempt: Int) -> String { "\(job)@\(attempt)\(suffix)" }
}
