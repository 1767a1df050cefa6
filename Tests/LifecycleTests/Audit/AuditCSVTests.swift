import DatabaseTestSupport
import Domain
import Encoding
import Foundation
import Lifecycle
import Query
import Store
import Synchronization
import Testing

@Suite("RFC 4180, security §14: exports for spreadsheets are no programs")
struct AuditCSVTests {
    @Test(
        "a cell is quoted and never a formula",
        arguments: [
            ("plain", "plain"), ("", ""), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "\"two\nlines\""), ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"), ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""), ("  =1", "'  =1"), (" padded ", "\" padded \""), ("a=1", "a=1"),
            ("=1,2", "\"'=1,2\""),
        ])
    func cells(text: String, cell: String) {
        #expect(AuditCSV.cell(text) == cell)
    }

    @Test("every event has a line with every column", arguments: Engine.available)
    func export(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(3, action: "=HYPERLINK(1)")
            try await stage.seal()
            let export = AuditExport(stage.world.context)
            var request = ExportRequest(filter: AuditFilter())
            request.filter.actions = ["=HYPERLINK(1)"]
            request.format = .csv
            let plan = try await export.plan(request, by: stage.world.author)
            let text = Mutex("")
            try await export.write(plan, render: { _ in .null }) { octets in
                text.withLock { $0 += String(decoding: octets, as: UTF8.self) }
            }
            let lines = text.withLock { $0 }.components(separatedBy: "\r\n")
            #expect(lines.count == 5 && lines.last == "")
            #expect(lines[0].hasPrefix("seq,timestamp,id,actor,") && lines[0].hasSuffix(",leaf_hash,row_hash"))
            let line = try #require(lines.first { $0.contains(",mc-0,") })
            #expect(line.contains(",'=HYPERLINK(1),certificate,mc-0,success,"), "\(line)")
            // Quotes inside the details are doubled, so that the columns stay apart.
            #expect(line.contains("\"{\"\"größe\"\":1.5,\"\"note\"\":\"\"a|b\"\",\"\"number\"\":0}\""), "\(line)")
        }
    }
}
